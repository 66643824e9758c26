"""The same burst through the simulator: the same arrivals, fleet and policy."""

from __future__ import annotations

import math

from autoscale.policies.compose import compose
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.world import simulate
from benchmarks.live_burst_course import Change, Course, each_second, shares
from benchmarks.live_burst_fleet import LEAST, POOL, Fleet


def simulated(fleet: Fleet, arrivals: Arrivals, span_s: float, *, began_s: float, seed: int = 0) -> Course:
    """Return what the simulator says that happens; *began_s* is the Unix time of the first second."""
    scenario = fleet.scenario(began_s=began_s, duration_s=span_s, seed=seed)
    outcome = simulate(scenario, {POOL: [arrivals]}, compose(fleet.spec())).pools[POOL]
    seconds, timeline = math.ceil(span_s), outcome.timeline
    t_s = timeline.t_s.tolist()
    return Course(
        ready=each_second(t_s, timeline.ready.tolist(), seconds, LEAST),
        target=each_second(t_s, timeline.target.tolist(), seconds, LEAST),
        judged=outcome.requests,
        within=outcome.within_slo,
        ttft_p50_s=outcome.ttft.quantile(0.5),
        ttft_p95_s=outcome.ttft.quantile(0.95),
        tpot_mean_s=outcome.tpot.mean,
        changes=[
            Change(t_s=after.t_s, replicas=after.replicas, reason=after.reason)
            for after in outcome.decisions
            if after.t_s <= span_s
        ],
        asked_s=[],
        starts_s=[],
        attained=shares(outcome.window_requests.tolist(), outcome.window_within.tolist()),
    )
