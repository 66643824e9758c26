"""What a run says about the ratios that Tercet is held to."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks import results as kept
from benchmarks.added_ttft import summed_up
from benchmarks.answers import Answer
from benchmarks.figures import Figures, figures
from benchmarks.goals import GOALS, OURS, Goal, reached, void
from benchmarks.prefix_affinity import grown, judged, lone_prompts, shared_prompts
from benchmarks.report import markdown, sheets
from benchmarks.results import Results, merged
from benchmarks.rounds import Record, order
from benchmarks.second_opinion import read

GOAL = next(goal for goal in GOALS if goal.streams == 128 and goal.against == "plain uvicorn")


def seen(tok_s: float, *, cpu_s: float = 1.0, share: float = 0.1) -> Figures:
    answer = Answer(sent_s=0.0, ended_s=1.0, arrivals_s=(0.5, 1.0), tokens=100, events=100, text="")
    figure = figures([answer], unsent=0, wall_s=100 / tok_s, generator_cpu_s=share * 100 / tok_s)
    return msgspec.structs.replace(figure, framework_cpu_s=cpu_s, engine_cpu_s=0.0)


def results(ours: list[Figures], theirs: list[Figures]) -> Results:
    named = {OURS: ours, "plain uvicorn": theirs}
    records = [
        Record(engine="synthetic", contender=name, streams=128, round=turn, figures=one)
        for name, rounds in named.items()
        for turn, one in enumerate(rounds)
    ]
    return Results(at="now", setup={"machine": "this"}, records=records)


def test_a_goal_is_judged_by_the_median_of_its_rounds() -> None:
    """Each round against the same round of the other."""
    found = results([seen(90), seen(100), seen(50)], [seen(100), seen(100), seen(50)])
    ratio = reached(GOAL, found)
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((1.0, 0.9, 1.0))
    assert GOAL.met(ratio.median) == "met"


def test_a_goal_without_both_sides_is_left_open() -> None:
    """Half a ratio is none."""
    assert reached(GOAL, results([seen(90)], [])) is None
    assert reached(GOAL, results([], [seen(90)])) is None


def test_a_round_that_one_side_lacks_is_left_out() -> None:
    """A contender that broke once still has its other rounds."""
    ratio = reached(GOAL, results([seen(90)], [seen(100), seen(50)]))
    assert ratio is not None
    assert (ratio.median, ratio.rounds) == (pytest.approx(0.9), 1)


def test_a_saturated_generator_voids_a_goal() -> None:
    """Whichever side it was that it could not keep up with."""
    assert not void(GOAL, results([seen(90)], [seen(90)]))
    assert void(GOAL, results([seen(90)], [seen(90, share=0.95)]))


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.engine}-{goal.streams}-{goal.what}-{goal.against}")
def test_aim_is_beyond_the_bound(goal: Goal) -> None:
    """On the side that is better."""
    assert (goal.aim >= goal.bound) if goal.higher else (goal.aim <= goal.bound)
    assert goal.met(goal.aim) == "aim"


def test_report_quotes_what_was_found() -> None:
    """The verdicts, the point and its facts, in words that a README can take."""
    text = markdown(results([seen(90)], [seen(100)]))
    assert "| 0.90 (0.90–0.90) | ≥ 0.9 | 1.1 | met |" in text
    assert "plain uvicorn" in text
    assert "* machine: this" in text
    assert not sheets(Results(at="now", setup={}))


def test_a_part_measured_again_replaces_only_that_part(tmp_path: Path) -> None:
    """And what is written can be read."""
    old = results([seen(90)], [seen(100)])
    new = Results(
        at="later", setup={"versions": "newer"}, records=[msgspec.structs.replace(old.records[0], engine="real")]
    )
    both = merged(old, new, ["real"])
    assert [record.engine for record in both.records] == ["synthetic", "synthetic", "real"]
    assert both.setup == {"machine": "this", "versions": "newer"}
    assert kept.load(kept.write(both, tmp_path)) == both
    assert merged(both, Results(at="last", setup={}), ["real"]).contenders("real") == []


def test_everyone_begins_in_turn() -> None:
    """Over as many rounds as there are contenders each is in each place once."""
    turns = [order(["a", "b", "c"], turn) for turn in range(3)]
    assert turns == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]


def test_added_ttft_is_the_median_of_differences() -> None:
    """Pair by pair, with an interval around it."""
    added = summed_up([(20.0 + noise, 23.0 + noise) for noise in (0.0, 5.0, 1.0, 2.0)])
    assert (added.added_p50_ms, added.low_ms, added.high_ms) == (3.0, 3.0, 3.0)


def test_second_opinion_reads_the_tools_own_figures() -> None:
    """By the tool's names."""
    said = {"output_throughput": 5.0, "median_ttft_ms": 1.0, "median_itl_ms": 2.0, "p99_itl_ms": 3.0, "completed": 4}
    one = read(said, contender="x", streams=8, turn=0)
    assert (one.tok_s, one.ttft_p50_ms, one.itl_p50_ms, one.itl_p99_ms, one.completed, one.failed) == (5, 1, 2, 3, 4, 0)


def test_hit_rate_is_over_all_replicas() -> None:
    """A replica that appeared in between counts from zero."""
    zero = {"prefix_queries": 100, "prefix_hits": 50, "generated_tokens": 10}
    totals = grown({"a": zero}, {"a": {**zero, "prefix_queries": 200, "generated_tokens": 40}, "b": zero})
    found = judged("w", totals, failed=0)
    assert found.hit_rate == pytest.approx(50 / 200)
    assert found.busiest_share == pytest.approx(30 / 40)


def test_shared_prompts_share_and_lone_ones_do_not() -> None:
    """The groups begin alike for hundreds of characters."""
    assert len({text[:200] for text in shared_prompts(1)}) == 16
    assert len({text[:10] for text in lone_prompts(1)}) == 128
