"""Why pools have their sizes, as lines of text. Pure: the controller's JSON and now in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.status_page import ago


def listed(overview: Mapping[str, Any], now_s: float) -> Iterator[str]:
    """Say of every pool how large it is and why, and what waits for an operator."""
    yield f"mode {overview['mode']}, policy {overview['policy']}"
    for name, pool in overview["pools"].items():
        yield f"{name}: {_size(pool)}; {_because(pool)}"
        yield from _operator(pool, now_s)


def explained(told: Mapping[str, Any], now_s: float) -> Iterator[str]:
    """Say everything that there is to say about the size of one pool."""
    yield f"{told['pool']}: {_size(told)}; mode {told['mode']}, policy {told['policy']}"
    yield from _operator(told, now_s)
    yield from (f"  not seen: {missing}" for missing in told["blind"])
    yield from _decision(told["decision"])
    yield from _demand(told)
    if told["brown_out"]:
        yield f"  brown-out: stand-ins take {told['brown_out']:.0%} of its requests"
    yield "  replicas:" if told["replicas"] else "  no replica"
    yield from (f"    {line}" for line in _replicas(told["replicas"], told["parked"], now_s))
    yield "  last changes:" if told["changes"] else "  no change yet"
    for entry in reversed(told["changes"]):
        when = ago(now_s - entry["at_s"])
        yield f"    {when} ago  {entry['from']} -> {entry['to']}  {entry['reason']}"


def _size(pool: Mapping[str, Any]) -> str:
    published = pool["published"]
    towards = f", {published} published" if published is not None and published != pool["target"] else ""
    ready = pool["stages"].get("ready", 0)
    return f"{ready} ready of {pool['target']}{towards} (min {pool['min']}, max {pool['max']})"


def _because(pool: Mapping[str, Any]) -> str:
    decision = pool["decision"]
    if decision is None:
        return "; ".join(pool["blind"]) or "nothing decided yet"
    return f"{decision['to']} wanted because {decision['reason']}"


def _operator(pool: Mapping[str, Any], now_s: float) -> Iterator[str]:
    pin, proposal = pool["pin"], pool["proposal"]
    if pin is not None:
        yield f"  pinned to {pin['replicas']} for another {ago(pin['until_s'] - now_s)}: {pin['why']}"
    if proposal is not None:
        change = f"{proposal['before']} -> {proposal['after']}, {proposal['reason']}"
        left = ago(proposal["expires_s"] - now_s)
        yield f"  proposed: {change}; within {left}: tercet scale approve {proposal['id']}"


def _decision(decision: Mapping[str, Any] | None) -> Iterator[str]:
    if decision is None:
        return
    binds = f" ({decision['binds']} binds)" if decision["binds"] else ""
    yield f"  wanted: {decision['to']} because {decision['reason']}{binds}"
    yield from (f"  rejected: {other}" for other in decision["rejected"])
    numbers = [f"{name}={_number(value)}" for name, value in decision["numbers"].items()]
    if numbers:
        yield f"  numbers: {', '.join(numbers)}"


def _demand(told: Mapping[str, Any]) -> Iterator[str]:
    if told["in_flight"] is None:
        return
    late = "" if told["ttft"]["p95_s"] is None else f", first token p95 {told['ttft']['p95_s']:.2f}s"
    yield (
        f"  demand: {told['arrival_rate']:.2f} requests a second, {told['in_flight']} under way, "
        f"{told['held']} without a token{late}"
    )


def _replicas(replicas: Sequence[Mapping[str, Any]], parked: Sequence[str], now_s: float) -> Iterator[str]:
    for one in replicas:
        since = f" for {ago(now_s - one['since_s'])}" if one["since_s"] else ""
        load = "" if one["running"] is None else f", {one['running']} running, {one['waiting']} waiting"
        heard = "never heard" if one["age_s"] is None else f"heard {ago(one['age_s'])} ago"
        leaving = ", sent nothing more" if one["replica"] in parked else ""
        yield f"{one['replica']} {one['stage']}{since}{load}, {heard}{leaving}"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"
