"""What going from one plan to another does, and which of it restarts engines.

Serve restarts every replica of an application whose arguments, resources or placement change; everything else is
handed to the running replicas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.plan import GatewayPlan, Plan, PoolPlan
from cluster.problems import Loc, path_of, shown
from deployments.graph.compile import kind_of
from deployments.graph.spec import parse

# Fields of a pool's plan, and the key of the document that each comes from.
RESTARTING: Mapping[str, str] = {
    "family": "family",
    "source": "source",
    "runtime": "runtime",
    "engine": "engine",
    "media": "media",
    "synthetic": "synthetic",
    "targets": "slo",
    "bundles": "resources",
    "strategy": "resources",
    "pinned_cores": "resources",
}
IN_PLACE: Mapping[str, str] = {
    "min_replicas": "replicas.min",
    "max_replicas": "replicas.max",
    "initial_replicas": "replicas.initial",
    "max_waiting": "max_waiting",
    "adapters": "adapters",
    "drain_s": "drain",
    "failover": "failover",
    "ttft_p95_s": "slo.ttft_p95",
    "tpot_p95_s": "slo.tpot_p95",
    "priority": "priority",
    "stand_ins": "stand-ins",
    "cost_per_hour": "cost_per_hour",
    "profile": "profile",
}

# What gateways are told that stands beside `gateway` in a document.
_SECTIONS = frozenset({"default", "cache", "audit", "objectives", "telemetry", "access", "tenants"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference; ``restarts`` says whether running engines stop and start again for it."""

    what: str
    restarts: bool


def changes(old: Plan, new: Plan) -> list[Change]:
    """Return every difference that reaches the cluster, those that restart engines first."""
    found = [*_pools(old, new), *_gateway(old.gateway, new.gateway), *_autoscale(old, new), *_costs(old, new)]
    return sorted(found, key=lambda change: not change.restarts)


def _pools(old: Plan, new: Plan) -> Iterator[Change]:
    before, after = ({pool.name: pool for pool in plan.pools} for plan in (old, new))
    for name in sorted(before.keys() - after.keys()):
        yield Change(what=f"models.{name}: goes; its replicas drain", restarts=False)
    for name in sorted(after.keys() - before.keys()):
        yield Change(what=f"models.{name}: is new; its replicas start", restarts=False)
    for name in (name for name in before if name in after):
        yield from _pool(before[name], after[name])


def _pool(old: PoolPlan, new: PoolPlan) -> Iterator[Change]:
    for field, key in {**RESTARTING, **IN_PLACE}.items():
        was, is_now = getattr(old, field), getattr(new, field)
        if was != is_now:
            what = f"models.{new.name}.{key}: {_told(field, was)} -> {_told(field, is_now)}"
            yield Change(what=what, restarts=field in RESTARTING)


def _told(field: str, value: Any) -> str:
    return f"{field} {shown(value)}" if RESTARTING.get(field) == "resources" else shown(value)


def _gateway(old: GatewayPlan, new: GatewayPlan) -> Iterator[Change]:
    for field in ("host", "port"):
        was, is_now = getattr(old, field), getattr(new, field)
        if was != is_now:
            yield Change(what=f"gateway.{field}: {was} -> {is_now}; takes a new start of everything", restarts=True)
    if old.replicas != new.replicas:
        yield Change(what=f"gateway.replicas: {old.replicas} -> {new.replicas}", restarts=False)
    yield from _remotes(_remote_models(old), _remote_models(new))
    for key in sorted(old.settings.keys() | new.settings.keys()):
        if key not in {"models", "currency", "drawing"} and old.settings.get(key) != new.settings.get(key):
            yield from _setting(key, old.settings.get(key), new.settings.get(key))


def _remote_models(gateway: GatewayPlan) -> dict[str, Any]:
    return {name: model["remote"] for name, model in gateway.settings["models"].items() if model.get("remote")}


def _remotes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            how = "is new" if name not in old else "goes; its calls end" if name not in new else "is another"
            yield Change(what=f"models.{name}: {how}, answered by another server", restarts=False)


def _setting(key: str, old: Any, new: Any) -> Iterator[Change]:
    if key in _SECTIONS:
        yield from _tenants(old, new) if key == "tenants" else _node((key,), old, new)
    elif key != "graph":
        yield from _node(("gateway", key), old, new)
    else:
        yield from _graph(old, new)


def _tenants(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            yield Change(what=f"{path_of(('tenants', name))}: {'goes' if name in old else 'is new'}", restarts=False)
        else:
            yield from _node(("tenants", name), old[name], new[name])


def _graph(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            yield Change(what=f"{path_of(('graph', name))}: {'goes' if name in old else 'is new'}", restarts=False)
        elif (was := kind_of(parse(old[name]))) != (is_now := kind_of(parse(new[name]))):
            yield Change(what=f"{path_of(('graph', name))}: was a {was}, is a {is_now}", restarts=False)
        else:
            yield from _node(("graph", name), old[name], new[name])


def _node(loc: Loc, old: Any, new: Any) -> Iterator[Change]:
    """Yield every value that differs inside a section; a list of another length is another list."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _node((*loc, key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for at, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _node((*loc, at), one, other)
    elif old != new:
        yield Change(what=f"{path_of(loc)}: {shown(old)} -> {shown(new)}", restarts=False)


def _autoscale(old: Plan, new: Plan) -> Iterator[Change]:
    for key in sorted(old.autoscale.keys() | new.autoscale.keys()):
        was, is_now = old.autoscale.get(key), new.autoscale.get(key)
        if was != is_now:
            yield Change(what=f"autoscale.{key}: {shown(was)} -> {shown(is_now)}", restarts=False)


def _costs(old: Plan, new: Plan) -> Iterator[Change]:
    for key in sorted(old.costs.keys() | new.costs.keys()):
        was, is_now = old.costs.get(key), new.costs.get(key)
        if was != is_now:
            yield Change(what=f"cost.{key}: {shown(was)} -> {shown(is_now)}", restarts=False)
    before, after = (plan.gateway.settings["models"] for plan in (old, new))
    for name in sorted(before.keys() & after.keys()):
        if (was := before[name].get("price")) != (is_now := after[name].get("price")):
            yield Change(what=f"models.{name}.price: {shown(was)} -> {shown(is_now)}", restarts=False)
