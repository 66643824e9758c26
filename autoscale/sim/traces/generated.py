"""Requests from rates and lengths: a renewal process whose clock runs as fast as the rate is high."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from autoscale.sim.arrivals import Arrivals, Trace
from autoscale.sim.traces.lengths import Lengths
from autoscale.sim.traces.rates import Rates

_CHUNK = 65_536
_MINUTE_S = 60.0
_SHAPE_STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What the rate of each minute differs by: a lognormal factor of mean 1.

    ``sigma`` is the standard deviation of its logarithm, which follows itself with correlation ``memory`` from minute
    to minute (AR(1)).
    """

    sigma: float
    memory: float = 0.0

    def of(self, rates: Rates, random: np.random.Generator) -> Rates:
        """Return *rates* with the noise of every minute."""
        minutes = max(1, math.ceil(rates.span_s / _MINUTE_S))
        shocks = random.standard_normal(minutes) * self.sigma
        logs, keep = np.empty(minutes), math.sqrt(1.0 - self.memory**2)
        logs[0] = shocks[0]
        for at in range(1, minutes):
            logs[at] = self.memory * logs[at - 1] + keep * shocks[at]
        edges = np.union1d(rates.edges_s, np.arange(minutes) * _MINUTE_S)
        middles = 0.5 * (edges[1:] + edges[:-1])
        series = np.searchsorted(rates.edges_s, middles, "right") - 1
        factors = np.exp(logs - 0.5 * self.sigma**2)[(middles / _MINUTE_S).astype(np.int64)]
        return Rates(edges_s=edges, rate_rps=rates.rate_rps[series] * factors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Arrivals at *rates* with *lengths*; the same seed gives the same requests, in chunks.

    Gaps in the rate's own time (mean 1) are of shape ``gaps`` with coefficient of variation ``gap_cv``: 1 is a Poisson
    process, more comes in bursts. ``cached_share`` of each prompt is in the prefix cache.
    """

    rates: Rates
    lengths: Lengths
    seed: int = 0
    gap_cv: float = 1.0
    gaps: Literal["gamma", "weibull"] = "gamma"
    noise: Noise | None = None
    cached_share: float = 0.0

    def __iter__(self) -> Iterator[Arrivals]:
        random = np.random.default_rng(self.seed)
        rates = self.noise.of(self.rates, random) if self.noise else self.rates
        # Requests expected up to each edge: the clock in which gaps have the same mean everywhere.
        clock = np.concatenate([np.zeros(1), np.cumsum(rates.rate_rps * np.diff(rates.edges_s))])
        now = 0.0
        while now < clock[-1]:
            ticks = now + np.cumsum(self._gaps(random, _CHUNK))
            prompt, output = self.lengths.draw(random, _CHUNK)
            kept = int(ticks.searchsorted(clock[-1]))
            if kept:
                t_s = np.interp(ticks[:kept], clock, rates.edges_s)
                yield self._chunk(t_s, prompt[:kept], output[:kept])
            now = float(ticks[-1])

    def _gaps(self, random: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
        if self.gap_cv == 1.0:
            return random.standard_exponential(count)
        if self.gaps == "gamma":
            shape = 1.0 / self.gap_cv**2
            return random.gamma(shape, 1.0 / shape, count)
        shape = weibull_shape(self.gap_cv)
        return random.weibull(shape, count) / math.gamma(1.0 + 1.0 / shape)

    def _chunk(
        self, t_s: npt.NDArray[np.float64], prompt: npt.NDArray[np.int32], output: npt.NDArray[np.int32]
    ) -> Arrivals:
        return Arrivals(t_s=t_s, prompt=prompt, output=output, cached=(prompt * self.cached_share).astype(np.int32))


def reseeded(trace: Trace, by: int) -> Trace:
    """Return other requests at the same rates where they are generated; recorded ones stay the same."""
    return replace(trace, seed=trace.seed + by) if isinstance(trace, Generated) else trace


def weibull_shape(cv: float) -> float:
    """Return the shape of the Weibull distribution with this coefficient of variation, by halving."""
    low, high = 0.05, 50.0
    for _ in range(_SHAPE_STEPS):
        shape = math.sqrt(low * high)
        found = math.sqrt(max(0.0, math.gamma(1 + 2 / shape) / math.gamma(1 + 1 / shape) ** 2 - 1.0))
        low, high = (shape, high) if found > cv else (low, shape)
    return math.sqrt(low * high)
