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
    return Progress(**{"since_s": 0.0, "answered_s": 0.0, "index": index, **changed}).counting(counts)


GOOD = seen(arm(100), judged=100, agreement=95.0)
ALL = Gates(
    errors_at_most=0.01, errors_worse_by=0.005, ttft_at_most_s=1.0, ttft_worse_by=0.2, quality_at_least=0.8
)  # fmt: skip


def test_goes_from_stage_to_stage_and_is_promoted():
    """A candidate that passes its gates takes all stages in order, each for its time."""
    told, now_s, progress = rule(gates=ALL), 0.0, Progress(since_s=0.0)
    shares = [0.0]
    for _ in STAGES:
        progress = step(told, progress.counting(GOOD), now_s).progress
        waiting = step(told, progress, now_s + 599)
        assert waiting.progress.index == progress.index
        assert "599 of 600 s" in waiting.reason
        now_s += 600
        progress = step(told, progress, now_s).progress
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
        (Gates(errors_at_most=0.01), seen(arm(90, 10)), "errors 10 of 100, at most 1.000% allowed"),
        (Gates(errors_at_most=0.05), seen(arm(0, 4)), "errors 4 of 4"),
        (Gates(errors_at_most=0.0), seen(arm(99, 1)), "errors 1 of 100"),
        (Gates(errors_worse_by=0.005), seen(arm(85, 15), arm(999, 1)), "errors 15.000% against 0.100%"),
        (Gates(ttft_worse_by=0.2), seen(arm(100, ttft_s=0.24), arm(1000, ttft_s=0.1)), "0.15 to 0.25 s against"),
        (Gates(ttft_at_most_s=1.0), seen(arm(100, ttft_s=2.4)), "at most 1 s"),
        (Gates(quality_at_least=0.8), seen(arm(100), judged=50, agreement=20.0), "quality 0.400"),
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
        (Gates(errors_at_most=0.5), seen(arm(19, 15)), "34 of 50 requests"),
        (Gates(errors_at_most=0.01), seen(arm(0, 1)), "errors 1 of 1, at most 1.000% allowed, which may be chance"),
        (Gates(errors_at_most=0.01), seen(arm(98, 2)), "errors 2 of 100"),
        (Gates(errors_worse_by=0.005), seen(arm(97, 3), arm(1000)), "errors 3.000% against 0.000%"),
        (Gates(ttft_at_most_s=1.0), seen(arm(94).plus(arm(6, ttft_s=2.4))), "ttft p95 2 to 3 s, at most 1 s"),
        (Gates(quality_at_least=0.8), seen(arm(100), judged=50, agreement=39.0), "quality 0.780"),
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
    last = replace(early, answered_s=600.0).counting(seen(arm(100), arm(0)))
    assert step(rule(gates=ALL), last, 1200.0).progress.status == "promoted"
    slow = replace(early, answered_s=600.0).counting(seen(arm(100, ttft_s=0.9), arm(0)))
    assert "against 0.075 to 0.1 s" in step(rule(gates=ALL), slow, 1200.0).reason


def test_the_last_stage_does_not_wait_for_what_will_never_come():
    """A controller that begins anew at 100 % has lost the other arm's figures, and judges the candidate alone."""
    good = at(4).counting(seen(arm(100), arm(0)))
    assert step(rule(gates=ALL), good, 600.0).progress.status == "promoted"
    bad = at(4).counting(seen(arm(90, 10), arm(0)))
    assert step(rule(gates=ALL), bad, 600.0).progress.status == "rolled_back"


def test_the_stage_begins_with_the_first_answer():
    """A candidate that loads for an hour has not proven itself for an hour, and is not given up."""
    told, waiting = rule(), step(rule(), Progress(since_s=0.0), 3600.0)
    assert "answered nothing yet" in waiting.reason
    answered = step(told, waiting.progress.counting(GOOD), 3601.0)
    assert "0 of 600 s" in answered.reason
    assert step(told, answered.progress, 4200.0).progress.index == 0
    assert step(told, answered.progress, 4201.0).progress.index == 1


@pytest.mark.parametrize(("theirs_s", "ours_s"), [(0.149, 0.151), (0.101, 0.149)])
def test_bounds_of_buckets_decide_nothing(theirs_s, ours_s):
    """Times that may be within the limit are, on whichever side of a bound they lie."""
    gates = Gates(ttft_worse_by=0.2)
    counts = seen(arm(10_000, ttft_s=ours_s), arm(10_000, ttft_s=theirs_s))
    assert step(rule(gates=gates), at(3, counts), 600.0).progress.index == 4
    limited = rule(gates=Gates(ttft_at_most_s=0.2))
    assert step(limited, at(3, counts), 600.0).progress.index == 4


def rollout(ours: float, theirs: float, gates: Gates, seed: int) -> str:
    """Return how a rollout ends, looked at every 10 s with 10 requests, in which so many answers fail by chance."""
    rng, told = random.Random(seed), rule(gates=gates)

    def answers(many: int, failing: float) -> ArmCounts:
        failed = sum(rng.random() < failing for _ in range(many))
        return ArmCounts(ok=many - failed, failed=failed)

    progress, now_s = Progress(since_s=0.0), 0.0
    while progress.status == "running":
        now_s += 10
        given = sum(rng.random() < STAGES[progress.index] for _ in range(10))
        mirrored = sum(rng.random() < 0.1 for _ in range(10 - given))
        counts = Counts(
            base=answers(10 - given, theirs), candidate=answers(given, ours), mirrored=answers(mirrored, ours)
        )
        progress = step(told, progress.counting(counts), now_s).progress
        assert now_s < 1e6
    return progress.status


@pytest.mark.parametrize(
    ("ours", "theirs", "gates", "rolled_back"),
    [
        (0.005, 0.005, Gates(errors_at_most=0.01), (0, 1)),
        (0.02, 0.02, Gates(errors_worse_by=0.01), (0, 1)),
        (0.05, 0.005, Gates(errors_at_most=0.01), (24, 25)),
        (0.05, 0.005, Gates(errors_worse_by=0.01), (24, 25)),
    ],
)
def test_chance_gives_up_no_equal_candidate_and_lets_no_bad_one_pass(ours, theirs, gates, rolled_back):
    """Rollouts with a decision every ten seconds, in which the old way gave up nine of ten equal candidates."""
    ends = [rollout(ours, theirs, gates, seed) for seed in range(25)]
    least, most = rolled_back
    assert least <= ends.count("rolled_back") <= most


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
