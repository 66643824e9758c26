"""The comparison of simulator and engine: lengths, rates, figures and errors, without an engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autoscale.sim.traces.lengths import Pairs
from benchmarks.simulator_accuracy import measured_before
from benchmarks.simulator_accuracy_kept import Accuracy, read, sheets, write
from benchmarks.simulator_accuracy_points import fitted, knee_rps, point, slowness
from benchmarks.simulator_accuracy_seen import Answer, Seen, seen, simulated
from benchmarks.simulator_accuracy_table import Point, Run, compared, comparisons
from benchmarks.simulator_accuracy_trace import Course, arrivals, mix, scaled
from deployments.totals import StepTotals
from tests.simulation.small import STEP, profile

PAIRS = Pairs(prompt=np.array([100, 300], np.int32), output=np.array([10, 20], np.int32))


def figures(tpot_s: float = 0.03, ttft_s: float = 0.2, p99_s: float = 0.5, tok_s: float = 100.0) -> Seen:
    return Seen(tpot_mean_s=tpot_s, ttft_mean_s=ttft_s, ttft_p99_s=p99_s, tok_s=tok_s)


def course(gaps: str = "random", rate_rps: float = 1.0, seconds: float = 20.0) -> Course:
    return Course(gaps=gaps, rate_rps=rate_rps, seconds=seconds, seed=3)


def run(real: Seen, *, turn: int = 0, gaps: str = "random", steps: StepTotals | None = None) -> Run:
    return Run(course=course(gaps), turn=turn, requests=20, real=real, steps=steps or StepTotals())


def at(real: Seen, *, turn: int = 0, gaps: str = "random") -> Point:
    return Point(
        run=run(real, turn=turn, gaps=gaps), load=0.6, simulated=figures(), slowness=1.1,
        refitted=figures(tpot_s=0.033),
    )  # fmt: skip


def test_lengths_are_scaled_and_fit(tmp_path: Path) -> None:
    """Rounded, with at least two tokens of answer and never more than the engine's context."""
    file = tmp_path / "pairs.csv"
    file.write_text("input_tokens,output_tokens\n804,81\n1,1\n9000,400\n")
    found = scaled(file, 8, 600)
    assert found.prompt.tolist() == [100, 1, 550]
    assert found.output.tolist() == [10, 2, 50]


def test_the_rate_is_exact_and_the_lengths_are_the_mix() -> None:
    """Whatever the gaps, they add up to the time asked for; the mix has the mean and the counts of all."""
    trace = arrivals(PAIRS, course("bursty", 2.0, 30.0))
    assert len(trace) == 60
    assert trace.t_s[-1] == pytest.approx(30.0)
    assert np.all(np.diff(trace.t_s) >= 0)
    assert set(zip(trace.prompt.tolist(), trace.output.tolist(), strict=True)) == {(100, 10), (300, 20)}
    found = mix(PAIRS)
    assert (found.prompt_mean, found.output_mean, found.cached_share) == (200, 15, 0)
    assert sum(found.prompt_counts) == sum(found.output_counts) == 2
    with pytest.raises(ValueError, match=r"0\.01 requests/s are fewer than two in 20 s"):
        arrivals(PAIRS, course(rate_rps=0.01))


def test_answers_add_up() -> None:
    """Latency by request, throughput over the whole time."""
    found = seen([Answer(0.0, 1.0, 3.0, 5), Answer(1.0, 1.5, 5.0, 8)])
    assert found.tpot_mean_s == pytest.approx((2 / 4 + 3.5 / 7) / 2)
    assert (found.ttft_mean_s, found.ttft_p99_s) == (0.75, 1.0)
    assert found.tok_s == pytest.approx(13 / 5)


def test_a_lonely_request_takes_its_steps_and_the_entry() -> None:
    """One prompt in one step, one step a token; what the engine's front takes is in the first token alone."""
    trace = arrivals(PAIRS, course(rate_rps=0.001, seconds=2000.0))
    alone = replace(profile(), entry_s=0.25)
    found = simulated(alone, trace)
    took_s = [STEP.seconds(prefill=p, prefill_context=p * p / 2) for p in trace.prompt.tolist()]
    assert found.ttft_mean_s == pytest.approx(0.25 + np.mean(took_s))
    assert found.tpot_mean_s == pytest.approx(STEP.seconds(sequences=1, kv=200), rel=0.1)


def test_requests_that_do_not_fit_are_told() -> None:
    """A trace for another engine is no comparison."""
    trace = arrivals(PAIRS, course())
    with pytest.raises(ValueError, match="of 20 requests do not fit into the engine"):
        simulated(profile(kv=256), trace)


def test_an_error_may_be_as_large_as_the_gate_or_the_spread() -> None:
    """It is a share of the mean of the real runs; throughput has its own gate."""
    points = [at(figures(tpot_s=0.028)), at(figures(tpot_s=0.036, ttft_s=0.19), turn=1)]
    tpot = compared(points, "tpot_mean_s")
    assert (tpot.real, tpot.spread) == pytest.approx((0.032, 0.25))
    assert tpot.error == pytest.approx(0.03 / 0.032 - 1)
    assert tpot.left == pytest.approx((0.033 / 0.028 - 1 + 1 - 0.033 / 0.036) / 2)
    assert (tpot.limit, tpot.verdict) == (tpot.spread, "within the spread")
    assert compared(points, "ttft_mean_s").verdict == "met"
    assert compared([at(figures(tok_s=104))], "tok_s").verdict == "missed"


def twice_as_slow() -> StepTotals:
    """A thousand steps in which one sequence of 100 tokens decodes."""
    one, each_s = (1.0, 0.0, 0.0, 1.0, 100.0), 2 * STEP.seconds(sequences=1, kv=100)
    products = [x * y for number, x in enumerate(one) for y in one[number:]]
    return StepTotals(
        gram=tuple(1000 * value for value in products),
        seconds=tuple(1000 * value * each_s for value in one),
        seconds_squared=1000 * each_s**2,
    )


def test_slowness_is_against_the_same_steps() -> None:
    """At twice the profile's time; a fit to them finds the same, and a simulation with it is slower."""
    assert slowness(twice_as_slow(), profile()) == pytest.approx(2.0)
    assert fitted(twice_as_slow(), profile()).seconds(sequences=1, kv=100) == pytest.approx(0.0207, rel=0.01)
    assert slowness(StepTotals(), profile()) == 1.0
    assert fitted(StepTotals(), profile()) == STEP


def test_a_run_is_simulated_with_the_profile_and_with_its_own_steps() -> None:
    """The load is a share of the simulated knee, whatever the rate was called when it was measured."""
    found = point(run(figures(), steps=twice_as_slow()), profile(), PAIRS)
    assert found.load == pytest.approx(1 / knee_rps(profile(), PAIRS))
    assert found.simulated == simulated(profile(), arrivals(PAIRS, course()))
    assert found.refitted.tpot_mean_s > 1.5 * found.simulated.tpot_mean_s


def test_what_was_measured_is_read_again(tmp_path: Path) -> None:
    """Every load has its rows, bursty ones last; requests of other lengths are not mixed with it."""
    assert measured_before(tmp_path, "long ones") == []
    both = Accuracy(at="now", setup={"lengths": "short ones"}, points=[at(figures(), gaps="bursty"), at(figures())])
    write(both, tmp_path)
    assert read(tmp_path) == both
    assert measured_before(tmp_path, "short ones") == [one.run for one in both.points]
    with pytest.raises(ValueError, match="has runs with short ones: give --lengths and --scale as then"):
        measured_before(tmp_path, "long ones")
    assert [one.gaps for one in comparisons(both.points)[::4]] == ["random", "bursty"]
    assert [len(sheet.rows) for sheet in sheets(both)] == [4, 8, 2]
    assert "TTFT P99" in (tmp_path / "simulator_accuracy.md").read_text()
