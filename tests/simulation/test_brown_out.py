"""A step of demand with and without a stand-in: the same policy objects as live, over simulated engines."""

from __future__ import annotations

import numpy as np

from autoscale.capacity.profile import StartTimes
from autoscale.policies.compose import compose
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.outcome import ATTAINMENT_WINDOW_S, Outcome, PoolOutcome
from autoscale.sim.world import simulate
from autoscale.spec import AutoscaleSpec
from tests.simulation.small import arrivals, pool, profile, scenario

BEGIN_S, SECONDS, COLD_S = 300.0, 660.0, 180.0
FACTOR = 4


def run(*, brown_out: bool, daily_share: str = "2%") -> Outcome:
    """Run four times the demand for as long as a start takes and a little more."""
    starts = StartTimes(median_s=COLD_S, sigma=0.05)
    dense = pool("dense", initial_replicas=2, max_replicas=16, profile=profile(starts=starts), stand_ins=("distilled",))
    distilled = pool("distilled", min_replicas=6, initial_replicas=6, max_replicas=6, profile=profile(starts=starts))
    spec = AutoscaleSpec.model_validate(
        {"policy": "sla", "brown_out": {"enabled": brown_out, "daily_share": daily_share}}
    )
    return simulate(
        scenario(dense, distilled, interval_s=1.0, duration_s=SECONDS),
        {"dense": [stepped(RATE_RPS)], "distilled": [arrivals(int(SECONDS * 2), 2.0, seed=5)]},
        compose(spec),
    )


RATE_RPS = 28.0


def stepped(rate_rps: float) -> Arrivals:
    """Return *rate_rps*, and four times as much from ``BEGIN_S`` on."""
    before = arrivals(int(BEGIN_S * rate_rps), rate_rps, seed=1)
    after = arrivals(int((SECONDS - BEGIN_S) * FACTOR * rate_rps), FACTOR * rate_rps, seed=2, begin_s=BEGIN_S)
    both = [part for part in (before, after) if len(part)]
    order = np.argsort(np.concatenate([part.t_s for part in both]), kind="stable")
    columns = {
        name: np.concatenate([getattr(part, name) for part in both])[order]
        for name in ("t_s", "prompt", "output", "cached")
    }
    return Arrivals(**columns)


def late_minutes(one: PoolOutcome) -> int:
    """Count the minutes in which fewer than 95 % of the requests were within their targets."""
    per_minute = round(60.0 / ATTAINMENT_WINDOW_S)
    begins = np.arange(0, len(one.window_requests), per_minute)
    requests, within = (np.add.reduceat(counts, begins) for counts in (one.window_requests, one.window_within))
    return int(np.sum(within < 0.95 * requests))


def test_a_stand_in_bridges_a_cold_start() -> None:
    """Where the pool alone is late for minutes, a brown-out keeps all but the first one, and ends with the start."""
    alone, helped = run(brown_out=False).pools["dense"], run(brown_out=True).pools["dense"]
    assert alone.moved_requests == 0
    assert late_minutes(alone) >= 3
    assert late_minutes(helped) <= 1
    assert helped.moved_requests > 0
    shares = helped.timeline
    assert not shares.brown_out[shares.t_s < BEGIN_S].any()
    assert not shares.brown_out[shares.t_s > BEGIN_S + 1.5 * COLD_S].any()
    assert helped.attainment > alone.attainment
