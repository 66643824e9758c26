"""What the tokens and the time of one model come to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from deployments.remote.spec import Price
from deployments.tenancy.accounting.paces import INSTANT, Pace
from deployments.tenancy.limits.price import cost_of
from deployments.tenancy.limits.usage import MICRO, Usage

_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What a model's use is counted at: ``price`` of its tokens or, without one, what a replica costs ``per_hour``.

    A replica has so many ``devices``. ``pace`` is what tokens have taken of a replica lately, which stands for the
    truth until that is told.
    """

    price: Price | None = None
    per_hour: float | None = None
    devices: float = 1.0
    pace: Pace = INSTANT

    def usage(self, prompt_tokens: int, completion_tokens: int, seconds: float | None = None) -> Usage:
        """Return what so many tokens are, and cost, and take of devices; *seconds* are those of the replica."""
        tokens = prompt_tokens + completion_tokens
        taken_s = self.pace.seconds(prompt_tokens, completion_tokens) if seconds is None else seconds
        return Usage(
            tokens=tokens,
            cost=self._cost(prompt_tokens, completion_tokens, taken_s),
            compute=math.ceil(taken_s * self.devices * MICRO),
        )

    def _cost(self, prompt_tokens: int, completion_tokens: int, seconds: float) -> int:
        if self.price is not None:
            prompt = cost_of(prompt_tokens, self.price.input_per_million)
            return prompt + cost_of(completion_tokens, self.price.output_per_million)
        if self.per_hour is None:
            return 0
        return math.ceil(Fraction(seconds) * Fraction(repr(self.per_hour)) * MICRO / _HOUR_S)


UNPRICED = Tariff()
