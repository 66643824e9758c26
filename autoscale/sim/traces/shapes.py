"""Rates that are made up: levels, steps, a flash crowd."""

from __future__ import annotations

import numpy as np

from autoscale.sim.traces.rates import Rates, joined

_FINE_S = 1.0


def level(rate_rps: float, seconds: float) -> Rates:
    """Return one rate for some time."""
    return Rates(edges_s=np.array([0.0, seconds]), rate_rps=np.array([rate_rps]))


def steps(base_rps: float, factors: tuple[float, ...], *, hold_s: float, between_s: float) -> Rates:
    """Return a base rate that jumps to each of *factors* times itself for *hold_s*, with *between_s* around each."""
    parts = [level(base_rps, between_s)]
    for factor in factors:
        parts += [level(factor * base_rps, hold_s), level(base_rps, between_s)]
    return joined(parts)


def flash_crowd(
    base_rps: float, factor: float, *, before_s: float, ramp_s: float, hold_s: float, decay_s: float, after_s: float
) -> Rates:
    """Return a base rate that climbs to *factor* times itself in *ramp_s*, stays, and decays exponentially.

    ``decay_s`` is the time constant; *after_s* seconds of the decay are covered.
    """
    climb = base_rps * np.linspace(1.0, factor, max(2, int(ramp_s / _FINE_S)))
    fall = base_rps * (1.0 + (factor - 1.0) * np.exp(-np.arange(0.0, after_s, _FINE_S) / decay_s))
    return joined(
        [
            level(base_rps, before_s),
            _fine(climb, ramp_s),
            level(factor * base_rps, hold_s),
            _fine(fall, after_s),
        ]
    )


def _fine(values: np.ndarray[tuple[int], np.dtype[np.float64]], seconds: float) -> Rates:
    return Rates(edges_s=np.linspace(0.0, seconds, len(values) + 1), rate_rps=values)
