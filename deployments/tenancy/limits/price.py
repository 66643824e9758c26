"""What tokens and time cost, in millionths of the currency."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from deployments.tenancy.limits.usage import MICRO

_HOUR_S = 3600


def cost_of(tokens: int, per_million: float) -> int:
    """Return the price of *tokens* at so much *per_million*, rounded up.

    A price for a million tokens in the currency is the price of one token in millionths of it. It is taken as it was
    written: 0.1 is a tenth, which no binary fraction is.
    """
    price = _written(per_million)
    # In whole numbers: a fraction is brought to its lowest terms each time.
    return -(-tokens * price.numerator // price.denominator)


def cost_of_time(seconds: float, per_hour: float) -> int:
    """Return the price of *seconds* at so much *per_hour*, rounded up."""
    return math.ceil(Fraction(seconds) * _written(per_hour) * MICRO / _HOUR_S)


@lru_cache(maxsize=1024)
def _written(price: float) -> Fraction:
    """Return a price as it was written; there are few, and every frame of an answer asks."""
    return Fraction(repr(price))
