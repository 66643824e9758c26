"""The parts of the SLA policy, with numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscale.capacity.miss_curve import MissCurve
from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Demand, ReplicaFleet
from autoscale.forecast.errors import Errors
from autoscale.policies.sla.backstop import Queue, backlog, drain_s, excess, needed
from autoscale.policies.sla.belief import Belief
from autoscale.policies.sla.counted import Counter
from autoscale.policies.sla.growth import Growth
from autoscale.policies.sla.headroom import Headroom
from autoscale.policies.sla.idle import Idle, keep_s
from autoscale.policies.sla.margin import Margin, expected, parts, planned_rps
from autoscale.policies.sla.plan import rounded
from autoscale.policies.sla.release import Release
from autoscale.policies.sla.spare import too_tight
from autoscale.policies.sla.starts import Starts, arrivals_s
from tests.autoscale.builders import histogram, pool, replica

PROFILE = EngineProfile(
    model="m",
    hardware="h",
    step=StepModel(base_s=0.01, prefill_token_s=0, prefill_context_s=0, sequence_s=0, kv_token_s=0),
    limits=EngineLimits(),
    starts=StartTimes(median_s=180.0, sigma=0.2),
)


def queue(**given: object) -> Queue:
    """Return 100 too many at 20 a second, 10 a second each, one ready and two more after 10 and 20 seconds."""
    return Queue(**{"excess": 100, "rate_rps": 20, "per_replica_rps": 10, "ready": 1, "coming_s": [10, 20], **given})  # type: ignore[arg-type]


def test_replicas_on_their_way_are_in_the_drain_time() -> None:
    """It grows by 10/s to 200, stays 10 s, and then shrinks by 10/s: gone after 40 s."""
    assert drain_s(queue(), 100.0) == pytest.approx(40.0)
    assert backlog(queue(), 30.0) == pytest.approx(100.0)
    assert drain_s(queue(), 30.0) is None
    assert drain_s(queue(excess=0, ready=3), 30.0) == 0.0


def test_what_is_left_when_a_new_one_comes_is_worked_off_in_a_third_of_a_start() -> None:
    """100 left after 30 s, in 10 s, beside 20 a second: 30 a second are 3 replicas, which are on their way already."""
    assert needed(queue(), 30.0) == 3
    assert needed(queue(excess=400), 30.0) == 6
    assert excess(50, 20.0, 2.0) == 30


@given(
    held=st.floats(0, 1e4), more=st.floats(0, 1e4), rate=st.floats(0.1, 100), ready=st.integers(0, 20),
    coming=st.lists(st.floats(0, 300), max_size=5).map(sorted),
)  # fmt: skip
def test_a_longer_queue_or_more_demand_never_asks_for_less(
    held: float, more: float, rate: float, ready: int, coming: list[float]
) -> None:
    """And what is on its way never makes it ask for more."""

    def ask(**changed: object) -> int:
        return needed(queue(**{"excess": held, "rate_rps": rate, "ready": ready, "coming_s": coming, **changed}), 180.0)

    assert ask(excess=held + more) >= ask()
    assert ask(rate_rps=rate + more) >= ask()
    assert ask(ready=ready + 1) <= ask()


def test_starts_are_learnt_from_the_profile_and_from_what_came() -> None:
    """180 s x exp(1.2816 x 0.2) is 232.6 s; twenty starts of 60 s are believed instead. Each replica counts once."""
    starts, state = Starts(), pool(profile=PROFILE)
    assert starts.p90_s(state) == pytest.approx(180 * math.exp(1.2816 * 0.2))
    came = [ReplicaFleet(replica=f"r{at}", stage="ready", since_s=0, startup_s=60.0) for at in range(20)]
    for _ in range(3):
        starts.see(came)
    assert 60 < starts.p90_s(state) < 110


def test_a_replica_on_its_way_is_expected_by_its_request() -> None:
    """One asked for 100 s ago comes in 80 s, an overdue one at once."""
    late = ReplicaFleet(replica="a", stage="loading", since_s=0, requested_s=1.0)
    young = ReplicaFleet(replica="b", stage="requested", since_s=900, requested_s=900.0)
    assert arrivals_s(pool(replicas=(late, young)), 1000.0, 180.0) == [0.0, 80.0]


def test_counts_are_differences_at_least_five_seconds_apart() -> None:
    """Restarted sums count nothing."""
    counter = Counter()
    assert counter.see(Demand(arrivals_total=100, judged_total=50, within_total=50), 0.0) is None
    assert counter.see(Demand(arrivals_total=110), 1.0) is None
    counted = counter.see(Demand(arrivals_total=150, judged_total=90, within_total=88), 10.0)
    assert counted is not None
    assert (counted.rate_rps, counted.judged, counted.missed) == (5.0, 40, 2)
    assert counter.see(Demand(), 20.0) is None


def test_misses_let_less_be_risked_and_a_clean_day_half_as_much_again() -> None:
    """Four fifths of what may miss is the aim, and leaves it as it was; three times as many halve it."""
    clean, even = Headroom(0.999), Headroom(0.999)
    before = clean.allowed
    for _ in range(17_280):
        clean.see(5.0, 100, 0)
        even.see(5.0, 10_000, 8)
    assert clean.allowed == pytest.approx(1.5 * before)
    assert even.allowed == pytest.approx(before, rel=0.01)
    for _ in range(200_000):
        even.see(5.0, 10_000, 24)
    assert even.allowed == pytest.approx(before / 2, rel=0.01)
    assert Headroom(0.9999).allowed == pytest.approx(Headroom(0.999, cost_weight=10).allowed) == before / 10


CURVE = MissCurve.around(10.0, 1e-3, 12.0)


def test_a_margin_is_what_the_error_of_forecasts_and_the_slope_of_the_knee_ask_for() -> None:
    """Without any error a plan is the rate at which as many miss as may; each step of it is looked up once."""
    errors = Errors()
    sure, unsure = (planned_rps(CURVE, 1e-3, scale, parts(errors)) for scale in (1e-6, 0.1))
    assert sure == pytest.approx(10.0, rel=0.01)
    assert unsure < 0.95 * sure
    assert planned_rps(CURVE, 1e-4, 0.1, parts(errors)) < unsure < planned_rps(CURVE, 1e-2, 0.1, parts(errors))
    assert sum(chance for _, chance in parts(errors)) == pytest.approx(1.0)


@given(scale=st.floats(0.01, 0.5), rate=st.floats(0.5, 40), more=st.floats(1, 3))
def test_more_demand_or_more_error_never_misses_less(scale: float, rate: float, more: float) -> None:
    """A tail of errors above the forecast is never for the better."""
    chances = parts(Errors())
    now = expected(CURVE, math.log(rate), scale, chances)
    assert expected(CURVE, math.log(rate * more), scale, chances) >= now
    assert expected(CURVE, math.log(rate), scale * more, chances) >= now


def test_a_margin_stays_while_little_has_changed() -> None:
    """And is worked out again after five minutes, or when errors have grown."""
    margin, errors = Margin(), Errors()
    first = margin.planned_rps(CURVE, 1e-3, 0.1, errors, 0.0)
    assert margin.planned_rps(CURVE, 1e-3, 0.105, errors, 10.0) == first
    assert margin.planned_rps(CURVE, 1e-3, 0.12, errors, 20.0) < first
    assert margin.planned_rps(CURVE, 1e-3, 0.105, errors, 400.0) < first


def test_a_little_more_is_asked_for_when_it_was_needed_for_a_while() -> None:
    """A need of 4.2 with 4 replicas waits for a minute, one of 5 or a queue does not; a lull begins it anew."""
    growth = Growth()
    assert growth.waits(0.0, 5, 4.2, 0, 4)
    assert not growth.waits(10.0, 5, 5.0, 0, 4)
    assert not growth.waits(20.0, 5, 4.2, 5, 4)
    assert growth.waits(59.0, 5, 4.2, 0, 4)
    assert not growth.waits(60.0, 5, 4.2, 0, 4)
    assert not growth.waits(61.0, 4, 3.9, 0, 4)
    assert growth.waits(65.0, 5, 4.2, 0, 4)
    assert not growth.waits(66.0, 1, 0.1, 0, 0)


def test_a_pool_that_is_late_without_being_busy_is_not_what_the_model_says() -> None:
    """A quarter less is believed after some minutes; lateness that follows too much demand says nothing."""
    wrong, asked_too_much = Belief(), Belief()
    for tick in range(120):
        wrong.see(5.0 * tick, 5.0, utilization=0.8, missed_share=0.2, queued=True, tightness=2.0)
        asked_too_much.see(
            5.0 * tick, 5.0, utilization=1.3 if tick < 60 else 0.7, missed_share=0.2, queued=True, tightness=2.0
        )
    assert wrong.factor < 0.8
    assert asked_too_much.factor == 1.0
    for tick in range(120, 1200):
        wrong.see(5.0 * tick, 5.0, utilization=1.05, missed_share=0.0, queued=False, tightness=0.3)
    assert 0.85 < wrong.factor <= 1.0


def test_a_replica_goes_once_it_was_idle_for_longer_than_a_start() -> None:
    """A quarter of an hour at least."""
    release = Release()
    assert release.kept(release.see(0.0, 3.2, 8, 900.0), 0.0, 180.0, 8) == 8
    assert release.kept(release.see(899.0, 3.2, 8, 900.0), 899.0, 180.0, 8) == 8
    assert release.kept(release.see(1000.0, 3.2, 8, 900.0), 1000.0, 180.0, 8) == 4


def test_a_pool_that_has_grown_keeps_that_for_an_hour_and_a_half() -> None:
    """All of it while replicas start; then what is within a fifth of what is needed; then no more than that."""
    grown = Release()
    grown.see(0.0, 4.0, 4, 900.0)
    for at_s, target, kept in ((1000.0, 9, 9), (1179.0, 9, 9), (2000.0, 9, 5), (6300.0, 5, 5), (6500.0, 5, 4)):
        assert grown.kept(grown.see(at_s, 4.0, target, 900.0), at_s, 180.0, target) == kept


def test_how_long_a_replica_is_kept_at_least_can_be_told() -> None:
    """A minute instead of a quarter of an hour, but never less than a start takes."""
    release = Release(at_least_s=60.0)
    assert (release.wait_s(30.0), release.wait_s(180.0)) == (60.0, 180.0)
    release.see(0.0, 3.2, 8, 60.0)
    assert release.kept(release.see(59.0, 3.2, 8, 60.0), 59.0, 30.0, 8) == 8
    assert release.kept(release.see(61.0, 3.2, 8, 60.0), 61.0, 30.0, 8) == 4


def test_a_small_part_of_a_replica_is_no_reason_for_another() -> None:
    """A fiftieth of a pool, and three tenths of one at most."""
    assert [rounded(need) for need in (0.0, 0.5, 1.02, 1.03, 10.19, 10.3, 50.2, 50.4)] == [0, 1, 1, 2, 10, 11, 50, 51]


def test_an_idle_pool_is_kept_as_long_as_it_pays() -> None:
    """A start and its penalty of 100 s: with no history that long; with gaps of 20 s and 1,000 s just over 20 s."""
    assert keep_s([], 100.0) == 100.0
    assert keep_s([20.0] * 10 + [1000.0] * 5, 100.0) == 20.0
    assert keep_s([1000.0] * 20, 100.0) == 0.0
    assert keep_s([20.0] * 20, 100.0) == 100.0


def test_gaps_are_counted_when_they_end() -> None:
    """Busy at 0, idle from 10 to 40."""
    idle = Idle()
    assert [idle.see(at_s, busy) for at_s, busy in ((0, True), (10, False), (30, False), (40, True))] == [0, 0, 20, 0]
    assert idle.gaps_s == [30]


def test_nobody_goes_when_the_rest_could_not_take_it() -> None:
    """Four caches at 70 % are three at 93 %; a TTFT over its target is a reason only in a pool with work."""
    full = pool(replicas=tuple(replica(f"r{at}", kv_used=0.7) for at in range(4)))
    assert "93% full" in too_tight(full, 3, 2.5)
    late = pool(ready=4, ttft_p95_s=0.5, ttft=histogram(*[1.0] * 30))
    assert "TTFT" in too_tight(late, 3, 2.5)
    assert too_tight(late, 3, 0.5) == ""
