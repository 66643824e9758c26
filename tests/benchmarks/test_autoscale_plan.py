"""The short evaluation: line by line, taken up again where it was left."""

from __future__ import annotations

import json
import math
from argparse import Namespace
from pathlib import Path

import pytest

from autoscale.backtest.contenders import PEERS
from autoscale.backtest.figures import Figures
from autoscale.backtest.protocol import Row
from autoscale.sim.traces.generated import Noise
from autoscale.sim.traces.lengths import read_pairs
from autoscale.sim.traces.shapes import steps
from benchmarks import autoscale, autoscale_planned
from benchmarks.autoscale_goals import Goal, goals
from benchmarks.autoscale_plan import GRIDS, LADDERS, SHORT, Part, Plan, Step
from benchmarks.autoscale_planned import Told
from benchmarks.autoscale_sets import CONV, Setting, Workload
from benchmarks.autoscale_trials import DAY_S

HOUR = 1 / 24
SOON = Setting(name="cold start 60 s", workloads=(), cold_start_s=60.0)


def workload(*, made_up: bool) -> Workload:
    """Return half an hour, in the middle of which twice as much comes."""
    return Workload(
        name="a jump",
        files=(CONV,),
        rates=lambda _: steps(1.0, (2.0,), hold_s=600.0, between_s=600.0),
        lengths=lambda at: read_pairs(at / CONV),
        noise=Noise(sigma=0.05),
        made_up=made_up,
    )


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    path = tmp_path / CONV
    path.parent.mkdir()
    path.write_text("t_s,input_tokens,output_tokens\n" + "".join(f"{at},{2000 + at},30\n" for at in range(500)))
    return tmp_path


def figures(**given: float) -> Figures:
    return Figures(**{name: given.get(name, 0.0) for name in Figures.__dataclass_fields__})


def row(name: str, kind: str, **given: float) -> Row:
    told = figures(**given)
    return Row(name=name, kind=kind, told="", figures=told, seeds=(told,))  # type: ignore[arg-type]


def test_every_step_is_written_and_nothing_is_run_twice(traces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what the optimum and the peers were chosen by; begun again, the same figures come out of the file."""
    monkeypatch.setattr(autoscale_planned, "TUNE_DAYS", (0.0, 0.2 * HOUR))
    monkeypatch.setattr(autoscale_planned, "SHAPE_DAYS", (0.0, 0.2 * HOUR))
    monkeypatch.setattr(autoscale_planned, "OTHERS", ("ray-serve", "hpa-kv"))
    part = Part(setting=SOON, workload=workload(made_up=False), days=(0.2 * HOUR, 0.5 * HOUR))
    kinds = ("policies", "optimum", "peers")
    plan = Plan(
        steps=tuple(Step(part=part, kind=kind, names=("queue",) * (kind == "policies")) for kind in kinds),
        left_out=("what takes long",),
    )
    output, pages = traces / "found.json", []
    for _ in range(2):
        given = Namespace(traces=traces, memory=traces / "kept.jsonl", seed=1, workloads=[], list=False, output=output)
        autoscale.planned(plan, given)
        pages.append(output.read_text())
        monkeypatch.setattr("autoscale.backtest.trial.simulate", None)
        monkeypatch.setattr("autoscale.backtest.calibrate.simulate", None)
    found = json.loads(pages[0])
    assert pages[0] == pages[1]
    assert found["simulated"] is True
    assert found["left_out"] == ["what takes long"]
    assert found["not_measured"] == []
    rows = {one["name"]: one for one in found["parts"][0]["rows"]}
    assert set(rows) == {"queue", "OPT99.9", "ray-serve", "hpa-kv"}
    assert rows["OPT99.9"]["figures"]["slo"] >= 0.999
    assert found["parts"][0]["dual_bound_replica_hours"] > 0
    assert len(found["parts"][0]["tried_before"]["defaults"]) == 2
    assert "| queue |" in output.with_suffix(".md").read_text()


def test_the_second_half_of_a_week_is_judged_and_all_of_what_is_made_up(tmp_path: Path) -> None:
    """Unless a part says which days."""
    half_an_hour = 1800.0 / DAY_S
    assert Part(setting=SOON, workload=workload(made_up=False)).judged(tmp_path) == (half_an_hour / 2, half_an_hour)
    assert Part(setting=SOON, workload=workload(made_up=True)).judged(tmp_path) == (0.0, half_an_hour)
    assert Part(setting=SOON, workload=workload(made_up=True), days=(1, 2)).judged(tmp_path) == (1, 2)


def test_weeks_are_never_judged_on_days_that_anything_is_tuned_on() -> None:
    """Also where a part says which days."""
    for part in SHORT.parts:
        assert part.workload.made_up or part.days is None or part.days[0] >= 3.5
    for step in SHORT.steps:
        assert step.kind not in {"simple", "peers", "tuned peers"} or not step.part.workload.made_up


def test_every_setting_that_is_tried_builds() -> None:
    """Ladders and grids are of options that their rules have."""
    for name, settings in {**LADDERS, **GRIDS}.items():
        for options in settings:
            PEERS[name].policy(options).make()


@pytest.mark.parametrize(
    ("found", "holds", "verdict"),
    [(1.0, True, "aim"), (1.0, False, "void: the SLO is missed"), (1.1, True, "met"), (1.2, True, "missed"),
     (1.2, False, "missed"), (math.nan, True, "not measured")],
)  # fmt: skip
def test_a_goal_says_whether_it_is_reached(found: float, holds: bool, verdict: str) -> None:
    """And nothing saved counts that costs the SLO."""
    assert Goal(figure="GPU-hours", part="a", found=found, least=1.15, aim=1.08, holds=holds).verdict == verdict


def test_peers_that_miss_the_slo_are_no_measure() -> None:
    """The cheapest that holds it is; one that pays less and misses is none."""
    part = Part(setting=Setting(name="cold start 180 s", workloads=()), workload=workload(made_up=False))
    rows = [
        row("sla", "policy", slo=0.9995, gpu_hours=80.0, starts=100.0, wasted=1.0),
        row("OPT99.9", "foresight", slo=0.999, gpu_hours=70.0),
        row("cheap", "peer", slo=0.99, gpu_hours=60.0),
        row("dear", "peer", slo=0.9999, gpu_hours=100.0),
        row("hpa-knee-78 (utilization 0.9)", "tuned", slo=0.9999, gpu_hours=80.0),
    ]
    told = {one.figure: one for one in goals({part: Told(rows={one.name: one for one in rows})})}
    assert told["GPU-hours × the best peer at its defaults"].found == pytest.approx(0.8)
    assert "dear" in told["GPU-hours × the best peer at its defaults"].beside
    assert told["GPU-hours × OPT99.9"].verdict == "met"
    assert told["GPU-hours × the best tuned peer"].verdict == "not measured"
    assert told["GPU-hours × an HPA on the knee"].verdict == "met"
    assert told["wasted starts"].found == pytest.approx(0.01)
