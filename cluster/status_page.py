"""The status page: the fleet controller's JSON as tables. Pure: status and now in, something to print out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

DECISIONS_SHOWN = 10
NOTHING = "-"
_MODES = {"advise": "advising only", "approve": "changes wait for approval"}


def render_status(status: Mapping[str, Any], now_s: float, *, plain: bool = False) -> Group:
    """Lay out pools and last decisions; *plain* leaves out the rules between them."""
    style = None if plain else box.SIMPLE_HEAD
    pools = _table(style, ("POOL", "REPLICAS", "STAGES", "RUNNING", "WAITING", "HELD", "KV", "TTFT p50/p95", "IN SLO"))
    for name, pool in status["pools"].items():
        pools.add_row(*_pool(name, pool, now_s))
    decisions = _table(style, ("WHEN", "POOL", "CHANGE", "REASON"))
    for entry in reversed(status["decisions"][-DECISIONS_SHOWN:]):
        change = f"{entry['from']} -> {entry['to']}"
        decisions.add_row(*map(Text, (ago(now_s - entry["at_s"]), entry["pool"], change, entry["reason"])))
    return Group(
        Text(_headline(status, now_s)),
        pools,
        *map(Text, _told(status)),
        Text("\nLast decisions"),
        decisions,
    )


def _told(status: Mapping[str, Any]) -> Iterator[str]:
    for part in (_reasons, _drafts, _elsewhere, _goals, _unaudited, _unkept):
        yield from part(status)


def ago(seconds: float) -> str:
    """Write an age in its largest whole unit: ``12s``, ``3m``, ``2h``."""
    whole = max(0, int(seconds))
    if whole < 60:  # noqa: PLR2004
        return f"{whole}s"
    return f"{whole // 60}m" if whole < 3600 else f"{whole // 3600}h"  # noqa: PLR2004


def _headline(status: Mapping[str, Any], now_s: float) -> str:
    mode = _MODES.get(status["mode"], status["mode"])
    errors = ", ".join(f"{count} {kind} errors" for kind, count in status["errors"].items() if count)
    return f"autoscaling: {mode}, policy {status['policy']}, {ago(now_s - status['at_s'])} old" + (
        f"; {errors}" if errors else ""
    )


def _pool(name: str, pool: Mapping[str, Any], now_s: float) -> list[Text]:
    ready = pool["stages"].get("ready", 0)
    cells = [
        name,
        f"{ready}/{pool['target']} (min {pool['min']}, max {pool['max']})",
        _stages(pool["replicas"], now_s),
        str(pool["running"]),
        str(pool["waiting"]),
        _or_nothing(pool["held"], "{}"),
        _or_nothing(pool["kv_used"], "{:.0%}"),
        _ttft(pool["ttft"]),
        _slo(pool["attainment"]),
    ]
    return [Text(cell) for cell in cells]


def _stages(replicas: Sequence[Mapping[str, Any]], now_s: float) -> str:
    """Name each replica's stage; one on its way also says for how long."""
    counts: dict[str, int] = {}
    for replica in replicas:
        settled = replica["stage"] == "ready" or not replica["since_s"]
        stage = replica["stage"] if settled else f"{replica['stage']} {ago(now_s - replica['since_s'])}"
        counts[stage] = counts.get(stage, 0) + 1
    return ", ".join(f"{count} {stage}" for stage, count in counts.items()) or NOTHING


def _ttft(ttft: Mapping[str, Any]) -> str:
    if ttft["p95_s"] is None:
        return NOTHING
    target = "" if ttft["target_s"] is None else f" (p95 <= {ttft['target_s']:g}s)"
    return f"{ttft['p50_s']:.2f}/{ttft['p95_s']:.2f}s{target}"


def _slo(windows: Sequence[Mapping[str, Any]]) -> str:
    known = [window for window in windows if window["ttft_share"] is not None]
    return ", ".join(f"{window['ttft_share']:.1%} of {ago(window['window_s'])}" for window in known) or NOTHING


def _reasons(status: Mapping[str, Any]) -> Iterator[str]:
    """Say why each pool has the size it has."""
    for name, pool in status["pools"].items():
        if pool["decision"] is not None:
            yield f"  {name}: {pool['decision']['to']} because {pool['decision']['reason']}"
        elif pool["blind"]:
            yield f"  {name}: {'; '.join(pool['blind'])}"


def _drafts(status: Mapping[str, Any]) -> Iterator[str]:
    """Say of each pool that speculates how many of the tokens it guessed were right."""
    for name, pool in status["pools"].items():
        totals = [replica["totals"] for replica in pool["replicas"] if replica.get("totals")]
        drafted, accepted = (sum(total.get(key, 0) for total in totals) for key in ("drafted", "accepted"))
        if drafted:
            yield f"  {name}: {accepted / drafted:.0%} of {drafted} speculated tokens accepted"


def _elsewhere(status: Mapping[str, Any]) -> Iterator[str]:
    """Say what other servers are asked for."""
    for name, one in status.get("elsewhere", {}).items():
        rates = f"{one['arrival_rate']:.1f} requests a second, {one['refused_rate']:.1f} refused"
        first = "" if one["ttft"]["p95_s"] is None else f", first token {_ttft({**one['ttft'], 'target_s': None})}"
        yield f"  {name}, on another server: {one['in_flight']} under way, {rates}{first}"


def _goals(status: Mapping[str, Any]) -> Iterator[str]:
    """Say how each goal was kept, and what is left of its budget of errors."""
    for one in status.get("goals", ()):
        if one["judged"]:
            good = 1 - one["missed"] / one["judged"]
            left = "" if one["budget_left"] is None else f", {one['budget_left']:.0%} of its errors left"
            span = f"{ago(min(one['known_s'], one['window_s']))} of {ago(one['window_s'])}"
            yield f"  goal {one['goal']}: {good:.3%} of {one['judged']} good, promised {one['share']:g}{left} ({span})"


def _unaudited(status: Mapping[str, Any]) -> Iterator[str]:
    """Say which gateways keep no audit records although they should."""
    for one in status.get("gateways", ()):
        if one.get("audit", "") not in ("", "ok"):
            yield f"  gateway {one['gateway']}: no audit records, {one['audit']}"


def _unkept(status: Mapping[str, Any]) -> Iterator[str]:
    """Say why what requests cost is not written down at the moment."""
    if fault := status.get("costs"):
        yield f"  costs wait to be written: {fault}"


def _or_nothing(value: float | None, form: str) -> str:
    return NOTHING if value is None else form.format(value)


def _table(style: box.Box | None, columns: Sequence[str]) -> Table:
    table = Table(box=style, pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table
