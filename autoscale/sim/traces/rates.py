"""Requests per second over time: series from files, and what is done to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autoscale.sim.traces.tables import TraceError, columns_of, header

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rates:
    """``rate_rps[i]`` requests a second from ``edges_s[i]`` to ``edges_s[i + 1]``; the first edge is 0."""

    edges_s: Floats
    rate_rps: Floats

    @property
    def span_s(self) -> float:
        """Return the seconds that the series covers."""
        return float(self.edges_s[-1])

    @property
    def mean_rps(self) -> float:
        """Return the mean over time."""
        return float(np.dot(self.rate_rps, np.diff(self.edges_s)) / self.span_s)

    def times(self, factor: float) -> Rates:
        """Return *factor* times the rates."""
        return Rates(edges_s=self.edges_s, rate_rps=self.rate_rps * factor)

    def scaled(self, mean_rps: float) -> Rates:
        """Return the same course with this mean."""
        if self.mean_rps <= 0:
            raise ValueError("a series without requests cannot be scaled to a mean")
        return self.times(mean_rps / self.mean_rps)

    def between(self, begin_s: float, end_s: float) -> Rates:
        """Return what lies between two times, counted from the first of them."""
        if not 0 <= begin_s < end_s <= self.span_s + 1e-6:
            raise ValueError(f"{begin_s:g} to {end_s:g} s is not inside the series' {self.span_s:g} s")
        first = int(np.searchsorted(self.edges_s, begin_s, "right")) - 1
        last = int(np.searchsorted(self.edges_s, end_s, "left"))
        edges = np.clip(self.edges_s[first : last + 1], begin_s, end_s) - begin_s
        return Rates(edges_s=edges, rate_rps=self.rate_rps[first:last])

    def tiled(self, count: int) -> Rates:
        """Return the series *count* times in a row."""
        return joined([self] * count)


def joined(parts: Iterable[Rates]) -> Rates:
    """Return one series after the other."""
    edges, rates, began_s = [np.zeros(1)], [], 0.0
    for part in parts:
        edges.append(part.edges_s[1:] + began_s)
        rates.append(part.rate_rps)
        began_s += part.span_s
    return Rates(edges_s=np.concatenate(edges), rate_rps=np.concatenate(rates))


def read_rates(path: Path, *, tokens_per_request: float | None = None) -> Rates:
    """Return the series of a file with ``t_s`` and ``rate_rps``, or ``tokens_per_s`` of requests of this mean size.

    Missing windows (nan) are filled by straight lines between their neighbours. The last row lasts as long as the one
    before it. Raises TraceError.
    """
    if "tokens_per_s" in header(path):
        if tokens_per_request is None:
            raise TraceError(f"{path}: is of tokens per second; say how many tokens a request has on average")
        t_s, values = columns_of(path, ("t_s", "tokens_per_s"))
        return _series(path, t_s, values / tokens_per_request)
    t_s, values = columns_of(path, ("t_s", "rate_rps"))
    return _series(path, t_s, values)


def _series(path: Path, t_s: Any, values: Any) -> Rates:
    if not np.isfinite(t_s).all():
        raise TraceError(f"{path}: t_s must be a finite number in every row; only rates may be missing")
    known = np.isfinite(values)
    if len(t_s) < 2 or not known.any() or np.any(np.diff(t_s) <= 0) or np.any(values[known] < 0):  # noqa: PLR2004
        raise TraceError(f"{path}: needs two rows or more, times that grow and rates from 0 on")
    edges = np.append(t_s, 2 * t_s[-1] - t_s[-2]) - t_s[0]
    return Rates(edges_s=edges, rate_rps=np.interp(t_s, t_s[known], values[known]))
