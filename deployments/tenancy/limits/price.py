"""What tokens cost, in millionths of the currency."""

from __future__ import annotations

import math
from fractions import Fraction


def cost_of(tokens: int, per_million: float) -> int:
    """Return the price of *tokens* at so much *per_million*, rounded up.

    A price for a million tokens in the currency is the price of one token in millionths of it. It is taken as it was
    written: 0.1 is a tenth, which no binary fraction is.
    """
    return math.ceil(tokens * Fraction(repr(per_million)))
