"""What the calls of a replica owe, told to the replica's spending."""

from __future__ import annotations

from deployments.cost.lines import Sums
from deployments.cost.spending import Spending


class Bills:
    """Opens a bill for each call to a pool; without *spending* they are kept by themselves alone."""

    def __init__(self, pool: str, spending: Spending | None = None) -> None:
        self.pool, self.spending = pool, spending

    def bill(self, model: str, tenant: str, *, charged: bool) -> Bill:
        """Return the bill of one call; what is not *charged* is nobody's."""
        return Bill(self, model, tenant, charged=charged)

    def idle(self, seconds: float) -> None:
        """Take note of seconds without work."""
        if self.spending is not None:
            self.spending.add("idle", self.pool, Sums(seconds=seconds))


class Bill:
    """One call's ``seconds`` of an engine so far, over all of its sequences."""

    __slots__ = ("_bills", "_charged", "_counted", "_model", "_tenant", "seconds")

    def __init__(self, bills: Bills, model: str, tenant: str, *, charged: bool) -> None:
        self._bills, self._model, self._tenant, self._charged = bills, model, tenant, charged
        self._counted = False
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Owe more."""
        self.seconds += seconds
        spending = self._bills.spending
        if spending is None or seconds <= 0:
            return
        sums = Sums(calls=not self._counted, seconds=seconds)
        self._counted = True
        if self._charged:
            spending.add("used", self._bills.pool, sums, model=self._model, tenant=self._tenant)
        else:
            spending.add("shadow", self._bills.pool, sums, model=self._model)


class Held:
    """Seconds whose owner is not known yet."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Hold more."""
        self.seconds += seconds

    def handed_over(self) -> float:
        """Return what is held, which is the caller's from then on."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds
