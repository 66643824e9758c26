"""Grow a pool that is using up its error budget too fast."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from pydantic import Field

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policies.kind import Build, PolicySpec
from autoscale.policy import Decision, Policy, PoolDecision, size_each
from deployments.quantities import Share


@dataclass(frozen=True, slots=True)
class Alarm:
    """Burning *rate* times too fast over both windows: over the long one it matters, over the short one it lasts."""

    long_s: float
    short_s: float
    rate: float


# Two windows each, as in "The Site Reliability Workbook", chapter 5: 2 % of a month's budget in an hour, 5 % in six.
ALARMS = (Alarm(3600.0, 300.0, 14.4), Alarm(6 * 3600.0, 1800.0, 6.0))
_SPACING_S = 30.0
_FEWEST = 20


class ErrorBudgetSpec(PolicySpec):
    """``slo_target`` of requests must meet every latency target; a pool that burns grows by ``growth`` of its size."""

    kind = "error-budget"

    slo_target: Share = Field(default=0.999, lt=1, validate_default=True)
    growth: Share = Field(default=0.25, gt=0, validate_default=True)

    def build(self, _: Build) -> Policy:
        """Build it."""
        return ErrorBudget(self.slo_target, self.growth)


@dataclass(slots=True)
class ErrorBudget:
    """Ask for more while the budget burns, for what there is while it still smoulders, and otherwise for the least.

    Alone it never answers load: combine it, with ``max``, with a rule that does.
    """

    slo_target: float
    growth: float
    _seen: dict[str, deque[tuple[float, int, int]]] = field(default_factory=dict)

    def decide(self, fleet: Fleet) -> Decision:
        """Answer from the misses since the fleets before."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in fleet.pools}

        def size(name: str, pool: PoolFleet) -> PoolDecision:
            if pool.demand is None:
                return PoolDecision(
                    replicas=pool.min_replicas, reason="error budget: no gateway heard", binds="error-budget"
                )
            seen = self._seen.setdefault(name, deque())
            _remember(seen, fleet.at_s, pool.demand.judged_total, pool.demand.within_total)
            return self._size(pool, seen, fleet.at_s)

        return size_each(fleet, size)

    def _size(self, pool: PoolFleet, seen: deque[tuple[float, int, int]], at_s: float) -> PoolDecision:
        rates = {
            span_s: self._burn(seen, at_s - span_s) for alarm in ALARMS for span_s in (alarm.long_s, alarm.short_s)
        }
        numbers = {f"burn_rate_{span_s:g}s": rate for span_s, rate in rates.items()}
        told = f"budget of {1 - self.slo_target:.2%} burns {rates[ALARMS[0].short_s]:.1f}x"
        ringing = any(min(rates[alarm.long_s], rates[alarm.short_s]) > alarm.rate for alarm in ALARMS)
        if ringing and _settled(pool, at_s):
            wanted, why = pool.ready + math.ceil(pool.ready * self.growth), f"{told}, {pool.ready} ready"
        elif ringing or rates[ALARMS[0].short_s] > 1:
            wanted, why = pool.target, f"{told}, none to spare"
        else:
            wanted, why = pool.min_replicas, told
        return PoolDecision(replicas=wanted, reason=f"error budget: {why}", binds="error-budget", numbers=numbers)

    def _burn(self, seen: deque[tuple[float, int, int]], since_s: float) -> float:
        """Return how many times faster than allowed requests have missed since then, 0 where too few say so."""
        _, judged, within = next((one for one in seen if one[0] >= since_s), seen[-1])
        asked, met = seen[-1][1] - judged, seen[-1][2] - within
        return (1 - met / asked) / (1 - self.slo_target) if asked >= _FEWEST else 0.0


def _remember(seen: deque[tuple[float, int, int]], at_s: float, judged: int, within: int) -> None:
    """Keep one reading every half minute, the newest always, as far back as any alarm looks."""
    if seen and judged < seen[-1][1]:
        seen.clear()
    if len(seen) > 1 and seen[-1][0] - seen[-2][0] < _SPACING_S:
        seen.pop()
    seen.append((at_s, judged, within))
    while len(seen) > 1 and seen[1][0] <= at_s - max(alarm.long_s for alarm in ALARMS):
        seen.popleft()


def _settled(pool: PoolFleet, at_s: float) -> bool:
    """Tell whether the short window is about the replicas that are ready now: misses from before they were are past."""
    joined = [replica.since_s for replica in pool.replicas if replica.stage == "ready"]
    return bool(joined) and max(joined) <= at_s - ALARMS[0].short_s
