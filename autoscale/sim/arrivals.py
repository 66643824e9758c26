"""Requests as they come, in chunks: a trace is an iterable of them, so one larger than memory streams."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.float64]
Tokens = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrivals:
    """One chunk of requests, sorted by ``t_s``, which counts from the start of the trace and of the simulation.

    ``prompt`` and ``output`` are tokens per request, an output of 0 standing for 1; ``cached`` is the part of the
    prompt that a prefix cache has, which is not computed again and still takes room in the KV cache.
    """

    t_s: Seconds
    prompt: Tokens
    output: Tokens
    cached: Tokens

    def __len__(self) -> int:
        return len(self.t_s)


Trace = Iterable[Arrivals]
