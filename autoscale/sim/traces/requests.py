"""Recorded requests: ``t_s,input_tokens,output_tokens`` and, where it is known, ``cached_tokens``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autoscale.sim.arrivals import Arrivals
from autoscale.sim.traces.tables import MOST_TOKENS, ROWS, TraceError, header, parts

COLUMNS = ("t_s", "input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFile:
    """The requests of a CSV file, read *rows* at a time; times count from *origin_s*, else its first request."""

    path: Path
    rows: int = ROWS
    origin_s: float | None = None

    @property
    def began_s(self) -> float:
        """Return the time of its first request, on the file's own clock. Raises TraceError."""
        return float(next(parts(self.path, COLUMNS[:1], 1))[0, 0])

    def __iter__(self) -> Iterator[Arrivals]:
        cached = "cached_tokens" in header(self.path)
        origin_s = self.origin_s
        for table in parts(self.path, (*COLUMNS, "cached_tokens") if cached else COLUMNS, self.rows):
            if not (np.isfinite(table).all() and (table[:, 1:] >= 0).all() and (table[:, 1:] <= MOST_TOKENS).all()):
                raise TraceError(f"{self.path}: times must be finite and tokens whole numbers from 0 to {MOST_TOKENS}")
            if cached and (table[:, 3] > table[:, 1]).any():
                raise TraceError(f"{self.path}: cached_tokens must be at most input_tokens, of which they are a part")
            origin_s = float(table[0, 0]) if origin_s is None else origin_s
            yield arrivals(table[:, 0] - origin_s, table[:, 1], table[:, 2], table[:, 3] if cached else None)


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
