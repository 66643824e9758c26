"""How limits and budgets are written."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from deployments.quantities import Seconds, Share
from deployments.strict import Strict
from deployments.tenancy.ledger.lines import MOST, MOST_FLOW
from deployments.tenancy.limits.period import Per
from deployments.tenancy.limits.usage import MICRO, Unit

_MOST_UNITS = MOST // MICRO // 2
PerMinute = Annotated[int, Field(strict=True, ge=1, le=MOST_FLOW)]
Number = Annotated[int, Field(strict=True, ge=1, le=MOST // 2)]


class BudgetSpec(Strict):
    """An amount for a period: of money, in the currency of all prices, of tokens, or of a device's time."""

    cost: float | None = Field(default=None, gt=0, le=_MOST_UNITS)
    tokens: Number | None = None
    compute: Seconds | None = Field(default=None, gt=0, le=_MOST_UNITS)
    per: Per = "month"

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if sum(amount is not None for amount in (self.cost, self.tokens, self.compute)) != 1:
            raise ValueError("is of no unit or of two; give `cost`, `tokens` or `compute`")
        return self

    @property
    def unit(self) -> Unit:
        """Return what is counted."""
        return "cost" if self.cost is not None else "tokens" if self.tokens is not None else "compute"

    @property
    def limit(self) -> int:
        """Return the amount in whole units."""
        return self.tokens if self.tokens is not None else round((self.cost or self.compute or 0) * MICRO)


class Allotment(Strict):
    """What somebody may use; what is not given is not limited.

    Rates let through at once what ``burst`` of a minute would, and no request that is larger than that ever. Days and
    months are UTC's.
    """

    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    burst: Share = Field(default=1.0, gt=0)
    concurrent: Number | None = None
    calls_per_day: Number | None = None
    budgets: tuple[BudgetSpec, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        accounts = [(budget.unit, budget.per) for budget in self.budgets]
        for unit, per in accounts:
            if accounts.count((unit, per)) > 1:
                raise ValueError(f"has two budgets of {unit} per {per}; keep one")
        return self
