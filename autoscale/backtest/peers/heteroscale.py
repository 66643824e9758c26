"""HeteroScale's proportional rule on decode tokens (arXiv 2508.19559)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autoscale.backtest.rule import Sampleless
from autoscale.backtest.trailing import Trailing
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision, hold
from deployments.totals import LengthTotals


@dataclass(slots=True, kw_only=True)
class HeteroScale(Sampleless):
    """Decode tokens a second over a target for each instance, one more while latency is over its target.

    Its thresholds are not published, so the target is to be tuned; the periodic schedule is left out.
    """

    tokens_per_s_each: float = 1000.0
    interval_s: float = 30.0
    stabilization_s: float = 300.0
    _before: tuple[float, LengthTotals] | None = None
    _asked: Trailing = field(init=False)

    def __post_init__(self) -> None:
        self._asked = Trailing(self.stabilization_s)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer from the tokens of the requests that finished since the last decision."""
        before, now = self._before, pool.demand.lengths if pool.demand else LengthTotals()
        self._before = at_s, now
        if before is None or at_s <= before[0]:
            return hold(pool, "no interval seen yet")
        rate = (now.output_tokens - before[1].output_tokens) / (at_s - before[0])
        slow = self._slow(pool)
        asked = max(1, math.ceil(rate / self.tokens_per_s_each - 1e-9) + slow)
        self._asked.add(at_s, asked)
        replicas = asked if asked >= pool.target else min(pool.target, int(self._asked.highest))
        return PoolDecision(replicas=replicas, reason=f"{rate:.0f} tokens/s, {self.tokens_per_s_each:g} each")

    def _slow(self, pool: PoolFleet) -> bool:
        target_s = pool.slo.tpot_p95_s
        return bool(target_s and pool.inter_token.total and pool.inter_token.sum_s / pool.inter_token.total > target_s)
