"""A plan as text for people: pools, graph, gateway, and what a change would restart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from cluster.callers import callers
from cluster.changes import IN_PLACE, RESTARTING
from cluster.engine_settings import WIDTH, arguments, explained, processes
from cluster.fit import inventory
from cluster.media_report import media
from cluster.outline import outline
from cluster.plan import GatewayPlan, Machine, Plan, PoolPlan
from cluster.remote_report import remotes
from cluster.tenants_report import tenants

_OF_GATEWAYS = (
    "graph", "default", "autoscale", "access", "tenants", "cost", "cache", "audit", "gateway.replicas",
    "gateway.max_body", "gateway.request_timeout", "gateway.admin", "gateway.remote_hosts",
)  # fmt: skip
_COLUMNS = ("name", "family", "runtime", "source", "replicas", "one replica", "cores", "slots", "waiting", "drain")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report."""

    text: str
    heading: bool = False


def report(plan: Plan, nodes: Sequence[Machine], name: str, preload: Sequence[str] = ()) -> Iterator[Line]:
    """Write *plan* out; *name* is what to call its document, *preload* are libraries that CPU engines load first."""
    yield Line(f"{name}: no problems; {len(plan.pools)} pool{'s' * (len(plan.pools) > 1)} on {inventory(nodes)}", True)
    yield from _section("pools", _table([_COLUMNS, *(_row(pool) for pool in plan.pools)]))
    yield from _section("engine arguments", (line for pool in plan.pools for line in arguments(pool)))
    if any(pool.runtime == "vllm" for pool in plan.pools):
        yield from _section("why these defaults", explained(plan.pools))
        yield from _section("environment of the engines", processes(plan.pools, preload))
    if any(media(plan.pools)):
        yield from _section("media", media(plan.pools))
    if any(remotes(plan.gateway.settings)):
        yield from _section("remote models", remotes(plan.gateway.settings))
    yield from _section(f"graph, default {plan.gateway.settings['default']}", outline(plan.gateway.settings))
    yield from _section("gateway", _gateway(plan.gateway))
    if plan.gateway.settings["tenants"]:
        yield from _section("tenants", tenants(plan.gateway.settings))
    yield from _section("what a change restarts", _changes())
    if plan.notes:
        yield from _section(
            "notes", (line for note in plan.notes for line in wrap(note, WIDTH, subsequent_indent="  "))
        )


def _section(title: str, lines: Iterator[str] | Sequence[str]) -> Iterator[Line]:
    yield Line("")
    yield Line(title, True)
    yield from (Line(f"  {line}".rstrip()) for line in lines)


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))


def _row(pool: PoolPlan) -> tuple[str, ...]:
    return (
        pool.name,
        pool.family,
        pool.runtime,
        pool.source,
        _bounds(pool),
        _amounts(pool),
        _cores(pool),
        str(pool.slots),
        str(pool.max_waiting),
        duration(pool.drain_s),
    )


def _bounds(pool: PoolPlan) -> str:
    start = "" if pool.initial_replicas == pool.min_replicas else f" from {pool.initial_replicas}"
    return f"{pool.min_replicas} to {pool.max_replicas}{start}"


def _amounts(pool: PoolPlan) -> str:
    ranks = f" in {len(pool.bundles)} bundles, {pool.strategy}" if len(pool.bundles) > 1 else ""
    gpus = f"{pool.gpus:g} GPU, " if pool.gpus else ""
    memory = f", {pool.memory / 2**30:g} GiB" if pool.memory else ""
    return f"{gpus}{pool.cpus:g} CPU{memory}{ranks}"


def _cores(pool: PoolPlan) -> str:
    if pool.pinned_cores is not None:
        return f"{pool.pinned_cores} pinned"
    return "shared"


def _gateway(gateway: GatewayPlan) -> Iterator[str]:
    settings = gateway.settings
    count = f"{gateway.replicas} replica{'s' * (gateway.replicas > 1)}"
    body, patience = settings["max_body"] / 2**20, duration(settings["request_timeout"])
    yield f"http://{gateway.host}:{gateway.port}, {count}, bodies up to {body:g} MiB, requests up to {patience}"
    yield f"callers: {callers(settings)}"
    admin = settings["admin"]
    if admin["port"] is not None:
        yield f"admin routes: on http://{admin['host']}:{admin['port']} of every machine with a gateway"
    elif not settings["loopback"]:
        yield "admin routes: off, since other machines reach the gateway; gateway.admin.port gives them a port"
    if token := admin["token_env"] or admin["token_file"]:
        folders = ", ".join(admin["adapters_from"]) or "nowhere"
        yield f"admin routes: with the token in {token}; adapters are loaded from {folders}"


def _changes() -> Iterator[str]:
    yield f"the engines of a pool: its {', '.join(dict.fromkeys(RESTARTING.values()))}"
    in_place = f"nothing: a pool's {', '.join((*IN_PLACE.values(), 'price'))};"
    for line in (in_place, f"         {', '.join(_OF_GATEWAYS)}"):
        yield from wrap(line, WIDTH, subsequent_indent=" " * 9)
    yield "everything: gateway.host, gateway.port"


def duration(seconds: float) -> str:
    """Write a duration in the largest unit that keeps it whole."""
    for size, unit in ((3600.0, "h"), (60.0, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
