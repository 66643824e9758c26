"""Exponentially weighted means for readings that come at uneven times."""

from __future__ import annotations

import math


def gain(gap_s: float, memory_s: float) -> float:
    """Return the weight of a reading that stands for the last *gap_s* seconds, in [0, 1]."""
    return -math.expm1(-gap_s / memory_s)
