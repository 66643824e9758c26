"""The canary's state machine: when it goes on, when it is rolled back, and what it waits for."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.canary import ArmCounts, Counts, Gates, Rule, stage_of
from deployments.canary_progress import Progress
from deployments.canary_steps import Move, steer, step
from deployments.engines.histogram import LatencyHistogram

STAGES = (0.0, 0.01, 0.1, 0.5, 1.0)


def rule(**changed: Any) -> Rule:
    return Rule(**{"stages": STAGES, "hold_each_s": 600.0, "min_requests": 50, **changed})


def arm(ok: int = 0, failed: int = 0, ttft_s: float = 0.1) -> ArmCounts:
    histogram = LatencyHistogram()
    histogram.add(ttft_s, ok)
    return ArmCounts(ok=ok, failed=failed, ttft=histogram.read())


def seen(candidate: ArmCounts, base: ArmCounts | None = None, **more: Any) -> Counts:
    """Return counts in which the candidate did the same for clients and for nobody."""
    return Counts(base=base or arm(1000), candidate=candidate, mirrored=candidate, **more)


NOTHING = Counts()


def at(index: int, counts: Counts = NOTHING, **changed: Any) -> Progress:
    return Progress(since_s=0.0, index=index, **changed).counting(counts)


GOOD = seen(arm(100), judged=100, agreement=95.0)
ALL = Gates(
    errors_at_most=0.01, errors_worse_by=0.005, ttft_at_most_s=1.0, ttft_worse_by=0.2, quality_at_least=0.8
)  # fmt: skip


def test_goes_from_stage_to_stage_and_is_promoted():
    """A candidate that passes its gates takes all stages in order, each for its time."""
    told, now_s, progress = rule(gates=ALL), 0.0, Progress(since_s=0.0)
    shares = [0.0]
    for _ in STAGES:
        waiting = step(told, progress.counting(GOOD), now_s + 599)
        assert waiting.progress.index == progress.index
        assert "599 of 600 s" in waiting.reason
        now_s += 600
        progress = step(told, progress.counting(GOOD), now_s).progress
        shares.append(stage_of("c", STAGES, progress.index, progress.status, 0).share)
    assert progress.status == "promoted"
    assert (shares, progress.steps) == ([*STAGES, 1.0], 5)
    assert step(told, progress.counting(seen(arm(0, 1000))), now_s + 1e6).progress.status == "promoted"


@pytest.mark.parametrize("index", range(len(STAGES)))
def test_without_enough_requests_it_waits(index):
    """However long that takes."""
    move = step(rule(), at(index, seen(arm(49))), 1e9)
    assert move.progress.index == index
    assert move.progress.status == "running"
    assert "49 of 50 requests" in move.reason


@pytest.mark.parametrize(
    ("gates", "counts", "reason"),
    [
        (Gates(errors_at_most=0.01), seen(arm(98, 2)), "errors 2 of 100"),
        (Gates(errors_at_most=0.05), seen(arm(0, 3)), "errors 3 of 3"),
        (Gates(errors_worse_by=0.005), seen(arm(99, 1), arm(1000, 1)), "errors 1.000% against 0.100%"),
        (Gates(ttft_worse_by=0.2), seen(arm(100, ttft_s=0.24), arm(1000, ttft_s=0.1)), "ttft p95"),
        (Gates(ttft_at_most_s=1.0), seen(arm(100, ttft_s=2.4)), "at most 1 s"),
        (Gates(quality_at_least=0.8), seen(arm(100), judged=50, agreement=39.0), "quality 0.780"),
    ],
)
def test_a_failed_gate_rolls_back_at_once_and_for_good(gates, counts, reason):
    """The stage's time need not be over; afterwards no good news brings the candidate back."""
    move = step(rule(gates=gates), at(2, counts), 1.0)
    assert move.progress.status == "rolled_back"
    assert reason in move.reason
    assert step(rule(gates=gates), move.progress.counting(GOOD), 1e9).progress == move.progress.counting(GOOD)
    assert stage_of("c", STAGES, move.progress.index, "rolled_back", 1).share == 0.0


@pytest.mark.parametrize(
    ("gates", "counts", "waits"),
    [
        (Gates(errors_worse_by=0.005), seen(arm(100), arm(10)), "to compare with 10"),
        (Gates(ttft_worse_by=0.2), seen(arm(100), arm(10)), "to compare with 10"),
        (Gates(quality_at_least=0.8), seen(arm(100), judged=49, agreement=49.0), "49 mirrored answers judged"),
        (Gates(errors_at_most=0.5), seen(arm(9, 25)), "34 of 50 requests"),
    ],
)
def test_what_cannot_be_told_yet_holds_the_stage(gates, counts, waits):
    """A gate without figures is neither passed nor failed."""
    move = step(rule(gates=gates), at(1, counts), 1e9)
    assert (move.progress.status, move.progress.index) == ("running", 1)
    assert waits in move.reason


def test_a_mirrored_stage_asks_no_time_to_first_token():
    """Mirrored requests are served last, so their latency says nothing."""
    counts = seen(arm(100, ttft_s=60.0), arm(1000, ttft_s=0.1))
    assert step(rule(gates=Gates(ttft_worse_by=0.2)), at(0, counts), 600.0).progress.index == 1


def test_the_last_stage_compares_with_what_was_before():
    """At 100 % nobody else answers any more; what the other arm did in earlier stages stands."""
    early = step(rule(gates=ALL), at(3, GOOD), 600.0).progress
    assert early.index == 4
    last = early.counting(seen(arm(100), arm(0)))
    assert step(rule(gates=ALL), last, 1200.0).progress.status == "promoted"


@pytest.mark.parametrize("held", [{"rule": True}, {"hand": True}])
def test_a_held_canary_stays_whatever_happens(held):
    """Neither promoted nor rolled back by itself."""
    told = rule(held="rule" in held, gates=ALL)
    for counts in (GOOD, seen(arm(0, 500))):
        move = step(told, at(1, counts, held="hand" in held), 1e9)
        assert (move.progress.status, move.progress.index) == ("running", 1)
        assert "held" in move.reason


def moved(action: Any, progress: Progress) -> Progress:
    found = steer(rule(), progress, action, 5.0)
    assert isinstance(found, Move)
    return found.progress


def test_an_operator_may_do_everything():
    """Hold, resume, promote past every gate, roll back, and begin again."""
    held = moved("hold", at(1))
    assert held.held
    assert not moved("resume", held).held
    assert moved("promote", held).index == 2
    assert moved("promote", at(4)).status == "promoted"
    gone = moved("rollback", at(1))
    assert gone.status == "rolled_back"
    assert isinstance(steer(rule(), gone, "promote", 5.0), str)
    again = moved("restart", gone)
    assert (again.status, again.index, again.since_s) == ("running", 0, 5.0)


@given(st.integers(0, 10**6))
def test_it_never_skips_a_stage_nor_comes_back(seed):
    """Over random evidence: one stage at a time, never down, and an end is an end."""
    rng, progress, now_s = random.Random(seed), Progress(since_s=0.0), 0.0
    for _ in range(40):
        now_s += rng.choice([1, 300, 700])
        more = seen(arm(rng.randrange(80), int(rng.random() < 0.02)), arm(rng.randrange(80)), judged=9, agreement=8.0)
        after = step(rule(gates=ALL), progress.counting(more), now_s).progress
        assert after.index - progress.index in (0, 1)
        if progress.status != "running":
            assert replace(after, here=Counts(), whole=Counts()) == replace(progress, here=Counts(), whole=Counts())
        progress = after


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8))
def test_counts_add_up(parts):
    """What came after an earlier reading, added to that, is the later reading."""
    total = Counts()
    for ok, failed in parts:
        later = total.plus(seen(arm(ok, failed), arm(failed, ok), judged=ok, agreement=float(ok)))
        assert total.plus(later.minus(total)) == later
        total = later
