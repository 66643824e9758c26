"""The fewest replicas at which, of what is forecast, as many requests miss as may."""

from __future__ import annotations

import math
from dataclasses import dataclass

from autoscale.capacity.estimate import Capacity
from autoscale.fleet import PoolFleet
from autoscale.forecast.forecaster import EVEN_S, Forecast
from autoscale.policies.sla.learned import Learned

# Of what forecasts err by, random arrivals explain a part, which knees have in them; at least this much is left.
_REAL_SHARE = 0.3
# Of the misses that are allowed, so many are never given to what would be late anywhere.
_LEAST_LEFT = 0.3
# An engine at which so many requests miss is about as fast as it can be, and a queue is worked off.
_FULL = 0.1
_ALMOST_NONE_RPS = 2e-4
# So much of a replica, and at most this share of all, need not be there.
_PART, _PART_SHARE = 0.3, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many, what each carries at its targets and when full, and the ``margin`` from what is forecast to that."""

    replicas: int
    each_rps: float
    full_rps: float
    margin: float
    provisional: bool


def plan(learned: Learned, pool: PoolFleet, forecast: Forecast, middle_rps: float, at_s: float) -> Plan | None:
    """Return the plan for a forecast of *middle_rps*; None while nobody knows what a replica carries.

    More of them carry a little more each, so the number is looked for from the one that is there.
    """
    found, count = None, max(1, pool.ready)
    for _ in range(2):
        known = learned.estimator.capacity(pool, replicas=count)
        if known.curve is None:
            break
        load_rps = _load_rps(learned, known, forecast.scale, middle_rps, at_s)
        factor = learned.belief.factor
        count = max(1, rounded(middle_rps / (load_rps * factor)))
        found = Plan(
            replicas=count,
            each_rps=known.rate_rps * factor,
            full_rps=max(known.rate_rps, known.curve.rate(_FULL)) * factor,
            margin=known.rate_rps / load_rps,
            provisional=known.provisional,
        )
    return found


def rounded(need: float) -> int:
    """Return whole replicas for a need in parts of one; what margins take in anyway is no reason for one more."""
    return math.ceil(need - min(_PART, _PART_SHARE * need) - 1e-9)


def _load_rps(learned: Learned, known: Capacity, scale: float, middle_rps: float, at_s: float) -> float:
    """Return what each replica is planned to carry, by how wrong forecasts and capacities are and what may miss."""
    assert known.curve is not None  # noqa: S101 - the caller has looked
    assert learned.forecaster is not None  # noqa: S101 - it has made the forecast
    chance = 1 / (2 * EVEN_S * max(middle_rps, _ALMOST_NONE_RPS))
    real = math.sqrt(max(scale**2 - chance, (_REAL_SHARE * scale) ** 2) + known.off**2)
    allowed = learned.headroom.allowed
    left = max(_LEAST_LEFT * allowed, allowed - known.hopeless)
    return learned.margin.planned_rps(known.curve, left, real, learned.forecaster.errors, at_s)
