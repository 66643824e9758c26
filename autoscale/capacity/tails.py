"""Tail probabilities in closed form."""

from __future__ import annotations

import math
from functools import lru_cache


def gamma_tail(value: float, mean: float, variance: float) -> float:
    """Return P(X > *value*) of a gamma-distributed X, to about a per cent.

    By the cube-root normal approximation: E. B. Wilson and M. M. Hilferty, The Distribution of Chi-Square, 1931.
    """
    if mean <= 0 or variance <= 0:
        return float(mean > value)
    if value <= 0:
        return 1.0
    ninth = variance / mean**2 / 9
    return normal_tail(((value / mean) ** (1 / 3) - (1 - ninth)) / math.sqrt(ninth))


def normal_tail(z: float) -> float:
    """Return P(Z > *z*) of a standard normal Z."""
    return 0.5 * math.erfc(z / math.sqrt(2))


# Probability points and weights that integrate over a normal variable: Gauss-Hermite, 9 points without the outermost,
# which weigh less than any share of late requests that is asked about.
_NODES = (
    (0.0, 0.4063492063492063),
    (1.023255663789133, 0.2440975028949394),
    (2.076847978677830, 0.04991640676521787),
    (3.205429002856470, 0.002789141321231769),
)
NORMAL_NODES: tuple[tuple[float, float], ...] = tuple(
    (sign * point, weight) for point, weight in _NODES for sign in ((1, -1) if point else (1,))
)


@lru_cache(maxsize=256)
def lognormal_nodes(mean: float, cv: float) -> tuple[tuple[float, float], ...]:
    """Return values and weights that integrate over a lognormal variable of this mean and variation."""
    if cv <= 0 or mean <= 0:
        return ((mean, 1.0),)
    sigma = math.sqrt(math.log1p(cv**2))
    centre = mean * math.exp(-(sigma**2) / 2)
    return tuple((centre * math.exp(sigma * point), weight) for point, weight in NORMAL_NODES)


# Gauss-Legendre, 12 points on [-1, 1]: enough for a normal density between its far tail and any bound.
_BELOW = ((0.1252334085114689, 0.2491470458134028), (0.3678314989981802, 0.2334925365383548),
          (0.5873179542866175, 0.2031674267230659), (0.7699026741943047, 0.1600783285433462),
          (0.9041172563704749, 0.1069393259953184), (0.9815606342467192, 0.0471753363865118))  # fmt: skip
_FAR = 4.5


def lognormal_nodes_below(most: float, mean: float, cv: float) -> list[tuple[float, float]]:
    """Return values and weights that integrate over that part of a lognormal variable which is below *most*.

    Unlike the values of ``lognormal_nodes`` that happen to be below it, they move with the bound, so that an integral
    over them has no jumps.
    """
    if cv <= 0 or mean <= 0 or most <= 0:
        return [(mean, 1.0)] if mean < most else []
    sigma = math.sqrt(math.log1p(cv**2))
    centre = math.log(mean) - sigma**2 / 2
    end = min(_FAR, (math.log(most) - centre) / sigma) if most < math.inf else _FAR
    half = (end + _FAR) / 2
    if half <= 0:
        return []
    points = [(sign * point, weight) for point, weight in _BELOW for sign in (-1, 1)]
    places = [(half * (1 + point) - _FAR, half * weight) for point, weight in points]
    return [(math.exp(centre + sigma * z), w * math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)) for z, w in places]


def lognormal_excess(value: float, mean: float, cv: float) -> float:
    """Return E max(0, X - *value*) of a lognormal X of this mean and variation."""
    if cv <= 0 or mean <= 0 or value <= 0:
        return max(0.0, mean - value)
    sigma = math.sqrt(math.log1p(cv**2))
    z = (math.log(value / mean) + sigma**2 / 2) / sigma
    return mean * normal_tail(z - sigma) - value * normal_tail(z)


def lognormal_tail(value: float, mean: float, cv: float) -> float:
    """Return P(X > *value*) of a lognormal X of this mean and variation."""
    if cv <= 0 or mean <= 0 or value <= 0:
        return float(mean > value)
    sigma = math.sqrt(math.log1p(cv**2))
    return normal_tail((math.log(value / mean) + sigma**2 / 2) / sigma)
