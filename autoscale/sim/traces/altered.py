"""Other traces made of a trace: a part of it, many in a row, more or fewer requests at the same pace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autoscale.sim.arrivals import Arrivals, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """The requests from *begin_s* up to *end_s*, counted from the first of these times."""

    trace: Trace
    begin_s: float = 0.0
    end_s: float = float("inf")

    def __iter__(self) -> Iterator[Arrivals]:
        for chunk in self.trace:
            first, last = chunk.t_s.searchsorted([self.begin_s, self.end_s])
            if last > first:
                yield _shifted(_chosen(chunk, np.arange(first, last)), -self.begin_s)
            if last < len(chunk):
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiled:
    """The same requests *count* times, one turn every *period_s*, which is no shorter than the trace."""

    trace: Trace
    count: int
    period_s: float

    def __iter__(self) -> Iterator[Arrivals]:
        for turn in range(self.count):
            for chunk in self.trace:
                if len(chunk) and chunk.t_s[-1] > self.period_s:
                    raise ValueError(f"period_s {self.period_s:g} is shorter than the trace: {chunk.t_s[-1]:g} s")
                yield _shifted(chunk, turn * self.period_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplied:
    """*factor* times the requests at the pace of the trace, to fit a fleet of another size.

    Each request comes as often as the factor says, by chance for its fraction; copies lie up to *apart_s* later than
    it, so that bursts longer than that keep their course.
    """

    trace: Trace
    factor: float
    apart_s: float = 1.0
    seed: int = 0

    def __iter__(self) -> Iterator[Arrivals]:
        random, late = np.random.default_rng(self.seed), None
        for chunk in self.trace:
            if not len(chunk):
                continue
            whole, part = divmod(self.factor, 1.0)
            copies = int(whole) + (random.random(len(chunk)) < part)
            which = np.repeat(np.arange(len(chunk)), copies)
            first = np.concatenate([np.ones(min(1, len(which)), bool), np.diff(which) > 0])
            delays = np.where(first, 0.0, random.random(len(which)) * self.apart_s)
            due = _ordered(_shifted(_chosen(chunk, which), delays), late)
            # Copies may be later than the next chunk's first requests.
            done = int(due.t_s.searchsorted(chunk.t_s[-1], "right"))
            late = _chosen(due, np.arange(done, len(due)))
            if done:
                yield _chosen(due, np.arange(done))
        if late is not None and len(late):
            yield late


def _chosen(chunk: Arrivals, which: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Arrivals:
    return Arrivals(
        t_s=chunk.t_s[which], prompt=chunk.prompt[which], output=chunk.output[which], cached=chunk.cached[which]
    )


def _shifted(chunk: Arrivals, by_s: float | np.ndarray[tuple[int], np.dtype[np.float64]]) -> Arrivals:
    return Arrivals(t_s=chunk.t_s + by_s, prompt=chunk.prompt, output=chunk.output, cached=chunk.cached)


def _ordered(chunk: Arrivals, late: Arrivals | None) -> Arrivals:
    if late is not None:
        chunk = Arrivals(
            t_s=np.concatenate([late.t_s, chunk.t_s]),
            prompt=np.concatenate([late.prompt, chunk.prompt]),
            output=np.concatenate([late.output, chunk.output]),
            cached=np.concatenate([late.cached, chunk.cached]),
        )
    return _chosen(chunk, np.argsort(chunk.t_s, kind="stable"))
