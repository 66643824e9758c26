"""What the tokens and the time of one model come to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deployments.remote.spec import Price
from deployments.tenancy.accounting.paces import INSTANT, Pace
from deployments.tenancy.limits.price import cost_of, cost_of_time
from deployments.tenancy.limits.usage import MICRO, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What a model's use is counted at: ``price`` of its tokens or, without one, what a replica costs ``per_hour``.

    A replica has so many ``devices``. ``pace`` is what tokens have taken of a replica lately, which stands for the
    truth until that is told, and ``most`` what they may take. A prompt may come to ``rewritten`` times as much by what
    is done to it before it is sent.
    """

    price: Price | None = None
    per_hour: float | None = None
    devices: float = 1.0
    pace: Pace = INSTANT
    most: Pace = INSTANT
    rewritten: float = 1.0

    def bound(self, prompt_tokens: int, completion_tokens: int) -> Usage:
        """Return what so many tokens come to at most."""
        return self.usage(prompt_tokens, completion_tokens, self.most.seconds(prompt_tokens, completion_tokens))

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
        return 0 if self.per_hour is None else cost_of_time(seconds, self.per_hour)


UNPRICED = Tariff()
