"""Recorded requests: ``t_s,input_tokens,output_tokens`` and, where it is known, ``cached_tokens``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoscale.sim.arrivals import Arrivals
from autoscale.sim.traces.tables import ROWS, TraceError, header, parts

COLUMNS = ("t_s", "input_tokens", "output_tokens")
_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFile:
    """The requests of a CSV file, read *rows* at a time; times count from its first request."""

    path: Path
    rows: int = ROWS

    def __iter__(self) -> Iterator[Arrivals]:
        cached = "cached_tokens" in header(self.path)
        began_s: float | None = None
        for table in parts(self.path, (*COLUMNS, "cached_tokens") if cached else COLUMNS, self.rows):
            if not (np.isfinite(table).all() and (table[:, 1:] >= 0).all() and (table[:, 1:] <= _MOST).all()):
                raise TraceError(f"{self.path}: times must be finite and tokens whole numbers from 0 to {_MOST}")
            began_s = float(table[0, 0]) if began_s is None else began_s
            yield arrivals(table[:, 0] - began_s, table[:, 1], table[:, 2], table[:, 3] if cached else None)


def arrivals(
    t_s: np.ndarray[tuple[int], np.dtype[np.float64]],
    prompt: np.ndarray[tuple[int], np.dtype[np.float64]],
    output: np.ndarray[tuple[int], np.dtype[np.float64]],
    cached: np.ndarray[tuple[int], np.dtype[np.float64]] | None = None,
) -> Arrivals:
    """Return a chunk of these columns; nothing is cached where nobody says so."""
    return Arrivals(
        t_s=np.ascontiguousarray(t_s, np.float64),
        prompt=prompt.astype(np.int32),
        output=output.astype(np.int32),
        cached=np.zeros(len(t_s), np.int32) if cached is None else cached.astype(np.int32),
    )
