"""Random numbers from a state that is kept with the pool: the same seed, the same run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

_STEP = np.uint64(0x9E3779B97F4A7C15)
_ONE = np.uint64(0xBF58476D1CE4E5B9)
_TWO = np.uint64(0x94D049BB133111EB)
_UNIT = 1.0 / (1 << 53)


@njit
def mixed(value: Any) -> Any:
    """Scramble 64 bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    value = (value ^ (value >> np.uint64(30))) * _ONE
    value = (value ^ (value >> np.uint64(27))) * _TWO
    return value ^ (value >> np.uint64(31))


@njit
def uniform(pool: Any) -> float:
    """Draw from (0, 1]."""
    pool.random += _STEP
    return float((mixed(pool.random) >> np.uint64(11)) + np.uint64(1)) * _UNIT


@njit
def normal(pool: Any) -> float:
    """Draw from the standard normal distribution."""
    return math.sqrt(-2.0 * math.log(uniform(pool))) * math.cos(2.0 * math.pi * uniform(pool))
