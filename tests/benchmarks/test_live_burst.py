"""The pieces of the live burst that decide what its comparison is worth."""

from __future__ import annotations

import pytest

from autoscale.capacity.knee_source import KneeQuestion, analytic
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Fleet, Slo
from autoscale.policies.queue import QueueSpec
from autoscale.policies.sla.policy import Sla
from autoscale.policies.sla.spec import SlaSpec
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.world import simulate
from autoscale.slo import attainment
from benchmarks.live_burst_clock import TraceTime, faster, slowed, stretched
from benchmarks.live_burst_course import Change, Course, agreement, each_second, windows
from benchmarks.live_burst_fleet import Fleet as Played
from benchmarks.live_burst_knees import InTime
from benchmarks.live_burst_live import taking
from deployments.engines.histogram import LatencyHistogram
from deployments.signals import quantile
from tests.simulation.small import arrivals, pool, scenario

SPEED = 5.0
PROFILE = EngineProfile(
    model="m",
    hardware="h",
    step=StepModel(base_s=0.04, prefill_token_s=2e-4, prefill_context_s=1e-8, sequence_s=2e-4, kv_token_s=1e-7),
    limits=EngineLimits(slots=32, batched_tokens=512, kv_tokens=200_000),
    starts=StartTimes(median_s=180.0, sigma=0.1),
)


class Formulas:
    """Knees that need nobody beside."""

    source = staticmethod(analytic)

    def go_on(self, at_s: float) -> None:
        """Do nothing."""


def course(ready: list[int], within: int) -> Course:
    return Course(
        ready=ready, target=ready, judged=100, within=within, ttft_p50_s=1, ttft_p95_s=1, tpot_mean_s=1,
        changes=[Change(t_s=0, replicas=1, reason="")], asked_s=[], starts_s=[], attained=[],
    )  # fmt: skip


def test_agreement_is_told_in_shares_of_what_happened():
    """One replica too many for half of the time is an eighth of four; 72 of 80 is a tenth less."""
    found = agreement(course([4, 4, 4, 4], 80), course([4, 5, 4, 5, 9], 72))
    assert found.ready_off == pytest.approx(0.125)
    assert found.ready_seconds_off == pytest.approx(0.125)
    assert found.attainment_off == pytest.approx(-0.1)
    assert not found.within(0.10)
    assert found.within(0.13)


def test_replicas_at_every_second_are_those_last_seen():
    """Nothing before the first look."""
    assert each_second([0.5, 2.0, 2.9], [2, 3, 4], 5, 1) == [1, 2, 3, 4, 4]
    assert windows([0.0, 4.0, 25.0], [True, False, True], 10.0) == [0.5, None, 1.0]


def test_a_stretched_histogram_has_longer_quantiles():
    """Each value five times as long; the same share is within five times the target."""
    histogram = LatencyHistogram()
    for at in range(1, 1000):
        histogram.add(at / 1000)
    plain, longer = histogram.read(), stretched(histogram.read(), SPEED)
    assert longer.total == plain.total
    assert longer.sum_s == pytest.approx(SPEED * plain.sum_s)
    assert quantile(longer, 0.5) == pytest.approx(2.5, rel=0.05)
    assert attainment(longer, 3.0) == pytest.approx(attainment(plain, 0.6), abs=0.03)


def test_a_fleet_at_five_times_the_pace_is_decided_on_as_the_trace_itself(monkeypatch):
    """The same requests at their own pace and at five times it: the same targets at the same time of the trace."""
    monkeypatch.setattr("benchmarks.live_burst_clock._aside", lambda _: Formulas())
    trace = arrivals(3000, 3.0, seed=5, prompt=2000)
    slow_pool = pool(profile=PROFILE, slo=targets(1.0))
    plain = simulate(
        scenario(slow_pool, interval_s=5.0, signal_lag_s=2.5, serve_lag_s=2.5, routing_s=0.0, seed=3),
        {"chat": [trace]},
        Sla(SlaSpec(), QueueSpec(), analytic),
    ).pools["chat"]
    fast_pool = pool(profile=faster(PROFILE, SPEED), slo=targets(SPEED))
    fast = simulate(
        scenario(fast_pool, interval_s=1.0, signal_lag_s=0.5, serve_lag_s=0.5, routing_s=0.0, seed=3, window_s=6.0),
        {"chat": [sped(trace)]},
        TraceTime(speed=SPEED, knees="here"),
    ).pools["chat"]
    assert max(plain.timeline.target) > 2
    assert [(one.replicas, round(one.t_s)) for one in plain.decisions] == [
        (one.replicas, round(SPEED * one.t_s)) for one in fast.decisions
    ]
    assert fast.within_slo == pytest.approx(plain.within_slo, abs=5)


def test_knees_are_worked_out_between_decisions_as_beside_a_controller(monkeypatch):
    """Several questions of one decision are answered by the one after the process has begun; the first says so late."""
    monkeypatch.setattr("benchmarks.live_burst_knees.SIMULATED", analytic)
    asked = [
        KneeQuestion(
            step=PROFILE.step,
            limits=PROFILE.limits,
            mix=LengthMix(prompt_mean=500.0, output_mean=50.0),
            slo=targets(1.0),
            replicas=one,
        )
        for one in (1, 2, 4)
    ]
    aside = InTime()
    aside.go_on(100.0)
    assert all(aside.source(one).provisional for one in asked)
    aside.go_on(104.0)
    assert all(aside.source(one).provisional for one in asked)
    aside.go_on(108.0)
    assert not any(aside.source(one).provisional for one in asked)


def test_a_replica_that_is_being_released_takes_no_requests():
    """It is ready until Serve is told to stop it."""
    replicas = [{"replica": name, "stage": stage} for name, stage in (("a", "ready"), ("b", "ready"), ("c", "loading"))]
    assert taking({"replicas": replicas, "parked": ["b"]}) == 1
    assert taking({"replicas": replicas, "parked": []}) == 2


def test_the_document_is_the_fleet_that_is_simulated(tmp_path):
    """The same bounds, targets and policy in both."""
    fleet = Played(speed=SPEED, measured=PROFILE)
    document = fleet.document(tmp_path)
    (model,) = document["models"].values()
    (simulated,) = fleet.scenario(began_s=0.0, duration_s=1.0).pools
    assert model["replicas"] == {
        "min": simulated.min_replicas, "max": simulated.max_replicas, "initial": simulated.initial_replicas
    }  # fmt: skip
    assert model["slo"]["ttft_p95"] == simulated.slo.ttft_p95_s
    assert model["synthetic"]["slots"] > 0
    assert fleet.spec().policy.kind == "python"
    assert slowed(Fleet(at_s=2.0, pools={}), SPEED, 1.0).at_s == 6.0


def targets(speed: float) -> Slo:
    return Slo(ttft_p95_s=5.0 / speed, tpot_p95_s=0.25 / speed)


def sped(trace: Arrivals) -> Arrivals:
    return Arrivals(t_s=trace.t_s / SPEED, prompt=trace.prompt, output=trace.output, cached=trace.cached)
