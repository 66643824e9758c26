"""The laws of a simulated fleet."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscale.capacity.profile import StartTimes
from autoscale.fleet import Fleet, Slo
from autoscale.hardware import Hardware, Inventory, Node
from autoscale.policy import Decision, PoolDecision
from autoscale.sim.outcome import Outcome, PoolOutcome
from autoscale.sim.world import simulate
from tests.simulation.small import Fixed, Script, arrivals, chunks, pool, profile, scenario


def _accounted(one: PoolOutcome) -> int:
    return one.answered + one.refused + one.cut + one.unanswered


def _same(one: Outcome, other: Outcome) -> bool:
    return all(
        np.array_equal(getattr(a, field.name), getattr(b, field.name))
        if isinstance(getattr(a, field.name), np.ndarray)
        else repr(getattr(a, field.name)) == repr(getattr(b, field.name))
        for name, a in one.pools.items()
        for b in [other.pools[name]]
        for field in fields(a)
    )


WEATHER = {
    "seed": st.integers(0, 1000),
    "rate": st.sampled_from([2.0, 12.0, 40.0]),
    "failures": st.sampled_from([0.0, 2000.0]),
    "turns": st.lists(st.integers(0, 5), min_size=1, max_size=6),
    "lag": st.sampled_from([0.0, 1.0, 7.0]),
    "kv": st.sampled_from([2_000, 16_000]),
}


@settings(max_examples=40, deadline=None)
@given(**WEATHER)
def test_every_request_is_accounted_for(seed, rate, failures, turns, lag, kv):
    """Whatever fails and however the policy swings, each arrival ends in one way; and the same run comes again."""
    script = Script(steps=tuple((15.0 * at, replicas) for at, replicas in enumerate(turns)))
    weather = scenario(
        pool(min_replicas=0, profile=profile(kv=kv, noise=0.05, starts=StartTimes(median_s=8.0, failure_share=0.2))),
        seed=seed, replica_failures_per_day=failures, signal_lag_s=lag, drain_s=20.0,
    )  # fmt: skip
    trace = arrivals(400, rate, seed=seed)
    outcome = simulate(weather, {"chat": chunks(trace, 64)}, script)
    one = outcome.pools["chat"]
    assert one.requests == len(trace) == _accounted(one)
    assert one.window_requests.sum() == one.requests
    assert one.window_within.sum() == one.within_slo <= min(one.within_ttft, one.within_tpot) <= one.answered
    assert one.ttft.total == one.tpot.total == one.answered
    assert one.timeline.ready.max() <= 8
    assert _same(outcome, simulate(weather, {"chat": [trace]}, script))


def test_nothing_is_faster_than_a_prefill():
    """A first token takes a step with the prompt in it, and the way through the gateway."""
    trace = arrivals(300, rate=5.0, prompt=400)
    one = simulate(scenario(routing_s=0.05), {"chat": [trace]}, Fixed()).pools["chat"]
    fastest = profile().step.seconds(prefill=int(trace.prompt.min()), prefill_context=0.0) + 0.05
    slowest_bin = np.flatnonzero(one.ttft.counts)[0]
    assert 1e-5 * 1.02 ** (slowest_bin + 0.5) >= fastest
    assert one.ttft.quantile(0.5) >= fastest
    assert one.ttft.mean >= fastest


def test_an_idle_replica_never_lets_a_request_wait():
    """Alone on its replica, a request takes its prefill and its decode steps and nothing else."""
    trace = arrivals(20, rate=1.0, output=30)
    trace.t_s[:] = 10.0 * np.arange(20)
    one = simulate(scenario(routing_s=0.0), {"chat": [trace]}, Fixed()).pools["chat"]
    model, chunk = profile().step, profile().limits.batched_tokens
    assert trace.prompt.max() <= chunk
    ttft = [model.seconds(prefill=p, prefill_context=p * p / 2) for p in trace.prompt.astype(float)]
    assert one.ttft.mean == pytest.approx(np.mean(ttft), rel=1e-6)
    decode = [
        np.mean([model.seconds(sequences=1, kv=p + at) for at in range(o - 1)]) if o > 1 else 0.0
        for p, o in zip(trace.prompt.tolist(), trace.output.tolist(), strict=True)
    ]
    assert one.tpot.mean == pytest.approx(np.mean(decode), rel=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), rate=st.sampled_from([5.0, 30.0]), kv=st.sampled_from([1_000, 4_000]))
def test_the_cache_is_never_over_its_size(seed, rate, kv):
    """Nor is the batch, at any moment that anyone looks."""
    policy = Fixed(keep=True)
    weather = scenario(pool(profile=profile(kv=kv, slots=8)), interval_s=0.5, signal_lag_s=0.0, seed=seed)
    simulate(weather, {"chat": [arrivals(200, rate, seed=seed)]}, policy)
    loads = [one.load for fleet in policy.seen for one in fleet.pools["chat"].replicas]
    assert all(0.0 <= load.kv_used <= 1.0 and load.running <= 8 for load in loads)
    assert all(load.running > 0 for load in loads if load.waiting), "work waits at an engine that does nothing"
    assert max(load.kv_used for load in loads) > 0.2


class Watched(Script):
    """A script that remembers the fleets that it was shown."""

    def decide(self, fleet: Fleet) -> Decision:
        self.__dict__.setdefault("seen", []).append(fleet)
        return super().decide(fleet)


def test_every_time_a_policy_sees_counts_from_the_beginning_of_the_trace():
    """Looks and replicas alike: what is seen is the same, so many seconds later."""
    seen = []
    for began_s in (0.0, 1_715_299_200.0):
        policy = Watched(steps=((0.0, 1), (began_s + 20.0, 3)))
        simulate(scenario(began_s=began_s), {"chat": [arrivals(600, rate=10.0)]}, policy)
        seen.append([
            (fleet.at_s - began_s, [(round(one.since_s - began_s, 3), one.requested_s - began_s, one.stage, one.load)
                                    for one in fleet.pools["chat"].replicas])
            for fleet in policy.seen
        ])  # fmt: skip
    assert seen[0] == seen[1]
    assert len(seen[0][-1][1]) == 3


def test_a_policy_sees_nothing_newer_than_the_lag():
    """Counts at a decision are those of arrivals and answers up to the lag before it."""
    trace = arrivals(600, rate=10.0)
    policy = Fixed(keep=True)
    simulate(scenario(signal_lag_s=7.0), {"chat": [trace]}, policy)
    for fleet in policy.seen:
        seen = fleet.pools["chat"]
        assert seen.demand.arrivals_total == np.searchsorted(trace.t_s, fleet.at_s - 7.0, "right")
        assert all(one.age_s == pytest.approx(7.0) for one in seen.replicas)
    assert len(policy.seen) > 5


def test_what_a_policy_sees_adds_up():
    """Totals only grow, steps take the time that the model says, and lengths are those of the requests."""
    trace = arrivals(600, rate=20.0)
    policy = Fixed(keep=True)
    one = simulate(scenario(signal_lag_s=0.0), {"chat": [trace]}, policy).pools["chat"]
    last = policy.seen[-1].pools["chat"]
    assert last.demand.lengths.requests == last.demand.judged_total == one.answered == len(trace)
    assert last.demand.lengths.prompt_tokens == trace.prompt.sum()
    assert last.demand.lengths.prompt_output == np.dot(trace.prompt.astype(float), trace.output)
    assert last.demand.within_total == one.within_slo
    assert (last.demand.in_flight, last.demand.held, last.demand.held_prompt_tokens) == (0, 0, 0)
    steps, model = last.replicas[0].steps, profile().step
    x = (model.base_s, model.prefill_token_s, model.prefill_context_s, model.sequence_s, model.kv_token_s)
    assert np.dot(x, steps.gram[:5]) == pytest.approx(steps.seconds[0], rel=1e-9)
    assert steps.gram[1] == trace.prompt.sum()
    assert steps.gram[3] == (trace.output - 1).sum()
    totals = [fleet.pools["chat"].demand.arrivals_total for fleet in policy.seen]
    assert totals == sorted(totals)


def test_a_step_model_can_be_fitted_to_what_a_policy_sees():
    """The normal equations give the engine's own step times back, and its noise, though every step is a bit off."""
    policy = Fixed(keep=True)
    noisy = pool(profile=profile(noise=0.05, batched=2048), slo=Slo())
    simulate(scenario(noisy), {"chat": [arrivals(20_000, rate=20.0, prompt=400)]}, policy)
    steps, model = policy.seen[-1].pools["chat"].replicas[0].steps, profile().step
    gram = np.zeros((5, 5))
    gram[np.triu_indices(5)] = steps.gram
    scale = np.sqrt(np.diag(gram))
    gram = (gram + np.triu(gram, 1).T) / np.outer(scale, scale)
    found = np.linalg.solve(gram, np.array(steps.seconds) / scale) / scale
    for batch, prompt in ((1, 0), (8, 400), (24, 0), (24, 800)):
        x = (1.0, prompt, prompt**2 / 2, batch, batch * 420.0)
        truth_s = model.seconds(prefill=prompt, prefill_context=x[2], sequences=batch, kv=x[4])
        assert np.dot(found, x) == pytest.approx(truth_s, rel=0.02)
    residual = steps.seconds_squared - np.dot(found, steps.seconds)
    assert np.sqrt(residual / steps.seconds_squared) == pytest.approx(0.05, rel=0.2)


def test_a_capacity_error_misstates_profile_and_steps_alike():
    """At +25 % both say that steps take four fifths of their time; requests are served as before."""
    true, wrong = Fixed(keep=True), Fixed(keep=True)
    trace = arrivals(200, rate=10.0)
    one = simulate(scenario(), {"chat": [trace]}, true)
    other = simulate(scenario(capacity_error=0.25), {"chat": [trace]}, wrong)
    assert _same(one, other)
    seen, mistaken = true.seen[-1].pools["chat"], wrong.seen[-1].pools["chat"]
    assert mistaken.profile.step.base_s == pytest.approx(0.8 * seen.profile.step.base_s)
    steps, told = seen.replicas[0].steps, mistaken.replicas[0].steps
    assert told.gram == steps.gram
    assert told.seconds == pytest.approx([0.8 * value for value in steps.seconds])
    assert told.seconds_squared == pytest.approx(0.64 * steps.seconds_squared)


def test_a_drain_cuts_nothing_within_its_deadline():
    """Streams on a replica that leaves end where they are; past the deadline those that have begun are cut."""
    trace = arrivals(300, rate=15.0, output=150)
    down = Script(steps=((0.0, 3), (10.0, 1)))
    settings_ = pool(initial_replicas=3, slo=Slo())
    patient = simulate(scenario(settings_, drain_s=600.0, interval_s=0.5), {"chat": [trace]}, down).pools["chat"]
    assert (patient.cut, patient.answered) == (0, len(trace))
    assert patient.timeline.draining.max() == 2
    hasty = simulate(scenario(settings_, drain_s=0.5), {"chat": [trace]}, down).pools["chat"]
    own = simulate(scenario(replace(settings_, drain_s=0.5), drain_s=600.0), {"chat": [trace]}, down).pools["chat"]
    assert own.cut == hasty.cut
    assert hasty.cut > 0
    assert _accounted(hasty) == len(trace)


def test_starts_take_their_time_and_are_paid_for():
    """Replicas come after their start time, and cost from the moment they are placed."""
    slow = pool(profile=profile(starts=StartTimes(median_s=60.0, sigma=0.0)), hardware=Hardware(cost_per_hour=3600.0))
    trace = arrivals(2000, rate=10.0)
    one = simulate(scenario(slow), {"chat": [trace]}, Script(steps=((0.0, 1), (50.0, 3)))).pools["chat"]
    up_s = 50.5 + 60.0
    assert one.timeline.ready[one.timeline.t_s < up_s].max() == 1
    assert one.timeline.ready[one.timeline.t_s >= up_s].min() == 3
    assert one.replica_seconds == pytest.approx(trace.t_s[-1] + 2 * (trace.t_s[-1] - 50.5))
    assert one.cost == pytest.approx(one.replica_seconds)
    assert (one.starts, one.wasted_starts, one.reversals, one.scale_events) == (2, 0, 0, 1)


def test_replicas_on_their_way_are_cancelled_before_any_is_drained():
    """The start was in vain, and it is counted."""
    script = Script(steps=((0.0, 1), (50.0, 3), (60.0, 1)))
    one = simulate(scenario(), {"chat": [arrivals(1000, rate=10.0)]}, script).pools["chat"]
    assert (one.starts, one.wasted_starts, one.scale_events, one.reversals) == (2, 2, 2, 1)
    assert one.timeline.draining.max() == 0


def test_failed_starts_are_tried_again():
    """Until one succeeds."""
    starts = StartTimes(median_s=10.0, failure_share=0.7)
    script = Script(steps=((0.0, 1), (20.0, 4)))
    weather = scenario(pool(profile=profile(starts=starts)))
    one = simulate(weather, {"chat": [arrivals(3000, 10.0)]}, script).pools["chat"]
    assert one.failed_starts > 0
    assert one.starts == 3 + one.failed_starts
    assert one.timeline.ready[-1] == 4


def test_a_pool_at_zero_is_woken_by_a_request():
    """Serve starts one replica, whatever the policy says, and the request waits for it."""
    trace = arrivals(5, rate=0.5, begin_s=100.0)
    starts = StartTimes(median_s=30.0, sigma=0.0)
    asleep = pool(min_replicas=0, initial_replicas=0, profile=profile(starts=starts))
    one = simulate(scenario(asleep, duration_s=300.0), {"chat": [trace]}, Fixed(replicas=0)).pools["chat"]
    assert one.answered == 5
    assert one.starts == 1
    first_s = trace.t_s[0] + 0.2 + 30.0 - trace.t_s[0]
    assert one.ttft.quantile(1.0) == pytest.approx(first_s, rel=0.03)
    assert one.timeline.target[-1] == 0


def test_brown_out_moves_its_share_to_the_stand_in():
    """And the requests still count for the pool that they were for."""
    trace = arrivals(4000, rate=20.0)
    chat = pool("chat", stand_ins=("small",), initial_replicas=2)
    small = pool("small", initial_replicas=2, slo=Slo())
    script = Script(steps=((0.0, 2),), brown_out=((50.0, 0.25), (150.0, 0.0)))
    outcome = simulate(scenario(chat, small), {"chat": [trace]}, script)
    one, other = outcome.pools["chat"], outcome.pools["small"]
    during = int(((trace.t_s > 50.5) & (trace.t_s <= 150.5)).sum())
    assert one.moved_requests == pytest.approx(0.25 * during, rel=0.15)
    assert 0 < one.moved_tokens < one.tokens
    assert (one.requests, one.answered, other.requests) == (len(trace), len(trace), 0)
    assert one.timeline.brown_out.max() == 0.25
    assert other.timeline.running.max() > 0


def test_replicas_wait_for_hardware():
    """Two nodes of one accelerator each: the third replica stays requested and is not paid for."""
    gpu = Hardware(kind="H100", gpus=1.0, cpus=0.0)
    nodes = tuple(Node(node=f"n{at}", kind="H100", gpus=1.0) for at in range(2))
    policy = Fixed(replicas=3, keep=True)
    weather = scenario(pool(hardware=gpu), inventory=Inventory(nodes=nodes))
    one = simulate(weather, {"chat": [arrivals(1000, 10.0)]}, policy).pools["chat"]
    assert (one.timeline.requested[-1], one.timeline.ready[-1], one.starts) == (1, 2, 1)
    assert policy.seen[-1].inventory.placed == {"n0": {"chat": 1}, "n1": {"chat": 1}}


def test_a_lost_node_takes_its_replicas_and_no_request():
    """Streams go on elsewhere, computed again; Serve replaces what was lost on the other node."""
    gpu = Hardware(kind="H100", gpus=1.0, cpus=0.0)
    nodes = tuple(Node(node=f"n{at}", kind="H100", gpus=2.0) for at in range(2))
    weather = scenario(
        pool(hardware=gpu, initial_replicas=2), inventory=Inventory(nodes=nodes), node_failures_per_day=800.0,
        node_repair_s=60.0,
    )  # fmt: skip
    trace = arrivals(4000, 10.0)
    one = simulate(weather, {"chat": [trace]}, Fixed(replicas=2)).pools["chat"]
    assert one.requeued > 0
    assert (one.answered, one.cut) == (len(trace), 0)
    assert one.timeline.ready.min() < 2


def test_a_full_replica_and_a_request_too_large_are_refused():
    """Both are misses."""
    tight = pool(max_waiting=2, profile=profile(slots=2, kv=4_000))
    trace = arrivals(200, rate=100.0)
    trace.prompt[0] = 10_000
    one = simulate(scenario(tight), {"chat": [trace]}, Fixed()).pools["chat"]
    assert one.refused > 50
    assert one.answered + one.refused == len(trace)
    assert one.attainment < 1.0


class _Nothing:
    def decide(self, fleet: Fleet) -> Decision:
        return Decision(pools={name: PoolDecision(replicas=one.target, reason="") for name, one in fleet.pools.items()})


def test_bad_scenarios_and_traces_are_told():
    """With what is wrong in them."""
    with pytest.raises(ValueError, match="no pools of the scenario"):
        simulate(scenario(), {"other": []}, _Nothing())
    with pytest.raises(ValueError, match="stand_ins"):
        scenario(pool(stand_ins=("none",)))
    with pytest.raises(ValueError, match="min_replicas <= initial_replicas"):
        pool(initial_replicas=9)
    backwards = arrivals(10, 1.0)
    backwards.t_s[5] = 0.0
    with pytest.raises(ValueError, match="back in time"):
        simulate(scenario(), {"chat": [backwards]}, _Nothing())
    assert simulate(scenario(), {}, _Nothing()).pools["chat"].requests == 0


def test_chunks_are_read_when_their_time_comes():
    """A trace larger than memory streams: nothing is read far ahead of the clock, and slots are used again."""
    read: list[float] = []

    def endless():
        for at in range(60):
            part = arrivals(200, rate=20.0, seed=at)
            t_s = np.minimum(part.t_s, 10.0) + 10.0 * at
            read.append(10.0 * at)
            yield replace(part, t_s=t_s)

    ahead: list[float] = []

    class Watching(_Nothing):
        def decide(self, fleet: Fleet) -> Decision:
            ahead.append(read[-1] - fleet.at_s)
            return super().decide(fleet)

    one = simulate(scenario(pool(initial_replicas=2)), {"chat": endless()}, Watching()).pools["chat"]
    assert max(ahead) <= 10.0
    assert one.answered == 60 * 200


def test_a_burst_and_a_large_pool_have_room():
    """Slots for requests and replicas grow as they are needed."""
    crowd = pool(initial_replicas=40, max_replicas=64, min_replicas=40)
    trace = arrivals(5000, rate=50_000.0)
    weather = scenario(crowd, interval_s=0.5, signal_lag_s=0.0, duration_s=60.0)
    one = simulate(weather, {"chat": [trace]}, Fixed(replicas=64)).pools["chat"]
    assert (one.answered, one.unanswered) == (5000, 0)
    assert one.timeline.waiting.max() > 1024
    assert one.timeline.ready[-1] == 64
