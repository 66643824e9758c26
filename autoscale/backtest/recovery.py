"""How long a pool takes to hold its targets again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autoscale.sim.outcome import ATTAINMENT_WINDOW_S

_RECOVERED = 0.99
_RECOVERED_FOR_S = 120.0
_RECOVERED_OVER_S = 60.0

Counts = npt.NDArray[np.int64]


def recover_s(requests: Counts, within: Counts) -> float:
    """Return the longest time from a breach of 99 % until every 60 s of two minutes are at or above; 0 without one.

    A breach is 60 s below it and begins with their first window below it. To the end of the run where it does not end.
    """
    over, calm_for = (round(span / ATTAINMENT_WINDOW_S) for span in (_RECOVERED_OVER_S, _RECOVERED_FOR_S))
    poor = within < _RECOVERED * requests
    breached = _ahead(within, over) < _RECOVERED * _ahead(requests, over)
    calm = _ahead(breached.astype(np.int64), calm_for - over + 1) == 0
    longest, at = 0, _next(breached, 0)
    while at < len(poor):
        began = _next(poor, at)
        end = _next(calm, began + 1)
        longest, at = max(longest, end - began), _next(breached, end)
    return longest * ATTAINMENT_WINDOW_S


def _ahead(values: Counts, count: int) -> Counts:
    """Return the sum of each and the next ones, *count* in all, as far as there are any."""
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])
    at = np.arange(len(values))
    return np.asarray(sums[np.minimum(at + count, len(values))] - sums[at])


def _next(wanted: npt.NDArray[np.bool_], at: int) -> int:
    """Return the first place from *at* on that is wanted; the end where there is none."""
    found = np.flatnonzero(wanted[at:])
    return at + int(found[0]) if len(found) else len(wanted)
