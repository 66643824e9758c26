"""What an engine keeps of cost: its meter, the bills of its calls, and how its steps are weighed."""

from __future__ import annotations

import time
from collections.abc import Callable

from deployments.cost.bill import Bill, Bills
from deployments.cost.meter import Meter
from deployments.cost.spending import Spending
from deployments.cost.weights import USUAL, Weights, fitted
from deployments.totals import StepTotals

WEIGH_EVERY_S = 60.0


class EngineCosts:
    """One engine's; *clock* is the engine's own. Steps are weighed by *weights* until they tell themselves.

    ``look`` is called before everybody's sums are settled, for what an engine has to look after once in a while.
    Called from the engine's event loop.
    """

    def __init__(self, pool: str, *, weights: Weights = USUAL, clock: Callable[[], float] = time.monotonic) -> None:
        self.meter = Meter(weights)
        self._bills = Bills(pool)
        self._clock = clock
        self._weighed_s = clock()
        self.look: Callable[[], None] = _nothing

    def told_to(self, spending: Spending) -> None:
        """Have everything told to *spending*."""
        self._bills.spending = spending

    def begin(self) -> None:
        """Count time from now on: the engine is ready."""
        self.meter.begin(self._bills, self._clock())

    def bill(self, model: str, tenant: str, *, charged: bool) -> Bill:
        """Open the bill of one call."""
        return self._bills.bill(model, tenant, charged=charged)

    def settle(self) -> None:
        """Tell what everybody came to until now; to be called once a second."""
        self.look()
        self.meter.settle(self._clock())

    def weigh(self, steps: Callable[[], StepTotals]) -> None:
        """Once a minute, weigh the steps to come by what those until now tell."""
        now_s = self._clock()
        if now_s - self._weighed_s >= WEIGH_EVERY_S:
            self._weighed_s = now_s
            self.meter.settle(now_s)
            self.meter.weights = fitted(steps())


def _nothing() -> None:
    """Look after nothing."""
