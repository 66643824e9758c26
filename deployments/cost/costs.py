"""What the calls of a gateway cost, as they end: told to the request, to the meters and to whoever keeps the sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from deployments.adapters import split_name
from deployments.cost.charge import Charge, Rate
from deployments.cost.lines import Sums
from deployments.cost.spending import Spending
from deployments.request import Context, Frame

UNRATED = Rate()
NO_RATES: Mapping[str, Rate] = {}


class CostMeter(Protocol):
    """Counts what calls cost."""

    def cost(self, tenant: str, charge: Charge) -> None:
        """Count one."""


class Given(Protocol):
    """What came of a call: tokens of its answer, and about how many its prompt has."""

    @property
    def output(self) -> int: ...

    @property
    def prompt_size(self) -> int: ...


class Uncounted:
    """Counts nothing."""

    def cost(self, tenant: str, charge: Charge) -> None:
        """Ignore it."""


class Costs:
    """Prices calls at *rates*, by pool or remote model."""

    def __init__(
        self,
        rates: Mapping[str, Rate] = NO_RATES,
        spending: Spending | None = None,
        meter: CostMeter | None = None,
    ) -> None:
        self._rates, self._spending, self._meter = rates, spending, meter or Uncounted()

    def begin(self, model: str, context: Context) -> Charging:
        """Return what follows one call of *model*, a pool's name with an adapter's or without."""
        return Charging(self, model, self._rates.get(split_name(model)[0], UNRATED), context)

    def take(self, charge: Charge, context: Context, *, calls: int) -> None:
        """Tell of one charge; what tokens are sold for is kept here, since engines know no prices."""
        context.spent(charge)
        tenant = context.tenant if context.charged else ""
        self._meter.cost(tenant, charge)
        pool = split_name(charge.model)[0]
        if self._spending is not None and (charge.prompt_tokens or charge.completion_tokens):
            priced = self._rates.get(pool, UNRATED).price is not None
            self._spending.add(
                "listed" if context.charged else "listed-shadow",
                pool,
                Sums(
                    calls=calls,
                    prompt_tokens=charge.prompt_tokens,
                    completion_tokens=charge.completion_tokens,
                    amount=charge.amount if priced else 0.0,
                ),
                model=charge.model,
                tenant=tenant,
                currency=charge.currency if priced else "",
            )


class Charging:
    """Follows one call; what it has been charged for is not charged again."""

    __slots__ = ("_completion", "_context", "_costs", "_model", "_prompt", "_rate", "_seconds", "_told")

    def __init__(self, costs: Costs, model: str, rate: Rate, context: Context) -> None:
        self._costs, self._model, self._rate, self._context = costs, model, rate, context
        self._prompt = self._completion = 0
        self._seconds = 0.0
        self._told = False

    def reported(self, frame: Frame, completion_tokens: int) -> None:
        """Charge for a call whose *frame* reports its usage; *completion_tokens* are those of all frames until now."""
        self._charge(frame.seconds, frame.prompt_tokens or 0, completion_tokens)

    def broke_off(self, given: Given) -> None:
        """Charge for what was given of an answer that ended without its usage; the engine knows the seconds of it."""
        if not self._told and given.output:
            self._charge(0.0, given.prompt_size, given.output)

    def _charge(self, seconds: float, prompt_tokens: int, completion_tokens: int) -> None:
        prompt = max(0, prompt_tokens - self._prompt)
        completion = max(0, completion_tokens - self._completion)
        more_s = max(0.0, seconds - self._seconds)
        charge = self._rate.charge(self._model, more_s, prompt, completion)
        self._costs.take(charge, self._context, calls=not self._told)
        self._prompt, self._completion, self._told = self._prompt + prompt, self._completion + completion, True
        self._seconds += more_s
