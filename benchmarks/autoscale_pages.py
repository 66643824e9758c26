"""A plan's results as data and as tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autoscale.backtest.columns import COLUMNS, written
from autoscale.backtest.entrants import Entrant
from autoscale.backtest.figures import Figures
from autoscale.backtest.hindsight import optimum_name
from autoscale.backtest.protocol import Row
from autoscale.backtest.tuning import Tried
from autoscale.capacity.profile import EngineProfile
from autoscale.sim.profiles import shipped
from benchmarks.autoscale_goals import POLICY, Goal, goals
from benchmarks.autoscale_plan import TUNE_DAYS, Part, Plan, Step
from benchmarks.autoscale_planned import Bench, Told
from benchmarks.autoscale_trials import PROFILE, SHARE
from cluster.backtesting.scenario import shipped_path, source_of

Everything = Mapping[Part, Told]


def write(path: Path, plan: Plan, told: Everything, bench: Bench, not_yet: Sequence[Step]) -> str:
    """Write everything as JSON and, beside it, as Markdown, which is returned."""
    known = {
        "simulated": True,
        "calibration": calibration(),
        "tuned_on_days": list(TUNE_DAYS),
        "goals": [{**_plain(asdict(one)), "verdict": one.verdict} for one in goals(told)],
        "parts": [_part(part, one, bench) for part, one in told.items() if one.rows],
        "not_measured": [f"{step.kind}: {step.part.name}" for step in not_yet],
        "left_out": list(plan.left_out),
    }
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    page = _page(plan, told, bench, not_yet)
    path.with_suffix(".md").write_text(page, encoding="utf-8")
    return page


def calibration() -> str:
    """Say what the figures are from and how far the engine may be off."""
    profile: EngineProfile = shipped(PROFILE)
    told = f"{profile.model} on {profile.hardware}, steps spread by {profile.noise:.1%}"
    return f"Simulated, not measured: {told}. {source_of(shipped_path(PROFILE))}"


def _page(plan: Plan, told: Everything, bench: Bench, not_yet: Sequence[Step]) -> str:
    begin, end = TUNE_DAYS
    lines = ["# The autoscaler, simulated", "", calibration(), ""]
    lines += [
        "Weeks are judged on their second half, or the days said. Peers and their settings were chosen on days "
        f"{begin:g} to {end:g}, the shape of the optimum's schedules on the first half of that. A week's rate is "
        "scaled to a mean of 12 replicas.", "", "## What it is held to", "",
        *_table(["figure", "workload", "found", "at least", "aim", ""], _goals(told)), "",
    ]  # fmt: skip
    for part, one in told.items():
        lines += [*_tables(part, one, bench), ""] if one.rows else []
    lines += ["## Left out", "", *(f"* {one}" for one in plan.left_out)]
    if not_yet:
        lines += ["", "## Not measured yet", "", *(f"* {step.kind}: {step.part.name}" for step in not_yet)]
    return "\n".join(lines) + "\n"


def _goals(told: Everything) -> list[list[str]]:
    order = {"missed": 0, "not measured": 2}
    found: list[Goal] = sorted(goals(told), key=lambda one: order.get(one.verdict, 1))
    return [one.cells for one in found]


def _tables(part: Part, told: Told, bench: Bench) -> list[str]:
    begin, end = part.judged(bench.traces)
    best = told.rows.get(optimum_name(SHARE))
    heads = ["policy", "× OPT99.9", f"× {POLICY}", *(column.head for column in COLUMNS)]
    lines = [f"### {part.name}, days {begin:.3g} to {end:.3g}", ""]
    lines += _table(heads, [_cells(row, best, told.rows.get(POLICY)) for row in told.rows.values()])
    if best is not None and told.bound_hours:
        gap = best.figures.replica_hours / told.bound_hours - 1
        lines += ["", f"{best.name} ({best.told}) pays {gap:+.1%} of the dual bound of schedules that drop work."]
    for name, tried in told.tried.items():
        lines += ["", f"Tried on days {TUNE_DAYS[0]:g} to {TUNE_DAYS[1]:g}, {name}: {_tried(tried)}."]
    return lines


def _cells(row: Row, best: Row | None, ours: Row | None) -> list[str]:
    beside = [_ratio(row, best), _ratio(row, ours)]
    seeds = f" ({len(row.seeds)} seeds)" if len(row.seeds) > 1 else ""
    return [f"{row.name}{seeds}", *beside, *(column.told(row.figures) for column in COLUMNS)]


def _ratio(row: Row, other: Row | None) -> str:
    return written(row.figures.paid / other.figures.paid if other else math.nan, "{:.3f}")


def _tried(tried: Sequence[Tried[Entrant]]) -> str:
    return "; ".join(f"{one.setting.name} {one.figures.slo:.2%} at {one.figures.replica_hours:.0f} h" for one in tried)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *rows)]


def _part(part: Part, told: Told, bench: Bench) -> dict[str, Any]:
    best = told.rows.get(optimum_name(SHARE))
    return {
        "workload": part.workload.name,
        "days": list(part.judged(bench.traces)),
        "seed": bench.seed,
        "cold_start_s": part.setting.cold_start_s,
        "capacity_error_shown_to_policies": part.setting.capacity_error,
        "stand_in": part.setting.stand_in,
        "dual_bound_replica_hours": told.bound_hours,
        "rows": [_row(row, best) for row in told.rows.values()],
        "tried_before": {
            name: [{"name": one.setting.name, **_few(one.figures)} for one in tried]
            for name, tried in told.tried.items()
        },
    }


def _row(row: Row, best: Row | None) -> dict[str, Any]:
    over = row.figures.paid / best.figures.paid if best else None
    told = {"name": row.name, "kind": row.kind, "options": row.told, "over_optimum": over}
    return {**told, "figures": _plain(asdict(row.figures)), "seeds": [_few(one) for one in row.seeds]}


def _few(figures: Figures) -> dict[str, float]:
    return {"slo": figures.slo, "replica_hours": figures.replica_hours}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
