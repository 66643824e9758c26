"""Arrivals on their way to the pools: chunks are read when their time comes, and brown-outs turn some aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autoscale.sim.arrivals import Arrivals, Trace
from autoscale.sim.engines import Feed

NOTHING = Feed(
    t_s=np.zeros(0),
    prompt=np.zeros(0, np.int32),
    output=np.zeros(0, np.int32),
    cached=np.zeros(0, np.int32),
    origin=np.zeros(0, np.int32),
)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_UNIT = 1.0 / (1 << 53)


class Source:
    """One pool's trace, read in order up to *duration_s*; ``last_s`` is its last arrival so far."""

    def __init__(self, trace: Trace, origin: int, duration_s: float | None, seed: int) -> None:
        self._chunks: Iterator[Arrivals] = iter(trace)
        self._origin, self._duration_s = origin, np.inf if duration_s is None else duration_s
        self._seed = np.uint64(seed)
        self._chunk: Feed | None = None
        self.last_s, self.tokens, self.number = 0.0, 0, 0
        self._next()

    @property
    def ended(self) -> bool:
        """Tell whether everything has been taken."""
        return self._chunk is None

    def take(self, until_s: float) -> Feed | None:
        """Return the arrivals up to *until_s* that were not taken before; None where there are none."""
        parts = []
        while self._chunk is not None:
            chunk = self._chunk
            end = int(chunk.t_s.searchsorted(until_s, "right"))
            if end > chunk.at:
                parts.append(_part(chunk, slice(chunk.at, end)))
                chunk.at = end
            if end < len(chunk.t_s):
                break
            self._next()
        taken = joined(parts) if len(parts) > 1 else parts[0] if parts else None
        self.number += len(taken.t_s) if taken else 0
        return taken

    def aside(self, taken: Feed, share: float) -> tuple[Feed, Feed]:
        """Split what was taken last into what stays and the *share* that goes to a stand-in.

        A request's number and the seed decide, so one that goes at some share goes at every larger one.
        """
        numbers = np.arange(self.number - len(taken.t_s), self.number, dtype=np.uint64)
        moved = _uniform(numbers, self._seed) < share
        return _part(taken, ~moved), _part(taken, moved)

    def _next(self) -> None:
        self._chunk = None
        for chunk in self._chunks:
            if len(chunk) == 0:
                continue
            self._check(chunk)
            kept = slice(0, int(chunk.t_s.searchsorted(self._duration_s, "right")))
            if kept.stop == 0:
                break
            self._chunk = _feed(chunk, kept, self._origin)
            self.last_s = float(self._chunk.t_s[-1])
            self.tokens += int(self._chunk.prompt.sum(dtype=np.int64) + self._chunk.output.sum(dtype=np.int64))
            return

    def _check(self, chunk: Arrivals) -> None:
        if chunk.t_s[0] < self.last_s or np.any(np.diff(chunk.t_s) < 0) or not np.isfinite(chunk.t_s[-1]):
            raise ValueError(f"arrivals must be in order of t_s; after {self.last_s:g} s they go back in time")
        if min(len(chunk.prompt), len(chunk.output), len(chunk.cached)) < len(chunk):
            raise ValueError("arrivals: prompt, output and cached need one value for each of t_s")


def merged(feeds: Sequence[Feed]) -> Feed:
    """Return the arrivals of several feeds in order of time."""
    together = joined(feeds)
    return _part(together, np.argsort(together.t_s, kind="stable"))


def joined(feeds: Sequence[Feed]) -> Feed:
    """Return several feeds one after the other, each from where it stands."""
    return Feed(
        t_s=np.concatenate([feed.t_s[feed.at :] for feed in feeds]),
        prompt=np.concatenate([feed.prompt[feed.at :] for feed in feeds]),
        output=np.concatenate([feed.output[feed.at :] for feed in feeds]),
        cached=np.concatenate([feed.cached[feed.at :] for feed in feeds]),
        origin=np.concatenate([feed.origin[feed.at :] for feed in feeds]),
    )


def tokens(feed: Feed) -> int:
    """Count the prompt and output tokens."""
    return int(feed.prompt.sum(dtype=np.int64) + feed.output.sum(dtype=np.int64))


def _feed(chunk: Arrivals, kept: slice, origin: int) -> Feed:
    return Feed(
        t_s=_plain(chunk.t_s[kept], np.float64),
        prompt=_plain(chunk.prompt[kept], np.int32),
        output=_plain(chunk.output[kept], np.int32),
        cached=_plain(chunk.cached[kept], np.int32),
        origin=np.full(kept.stop, origin, np.int32),
    )


def _plain(values: Any, kind: Any) -> Any:
    """Return the layout that compiled code was compiled for."""
    return np.require(values, kind, ["C", "W"])


def _part(feed: Feed, which: Any) -> Feed:
    return Feed(
        t_s=feed.t_s[which], prompt=feed.prompt[which], output=feed.output[which], cached=feed.cached[which],
        origin=feed.origin[which],
    )  # fmt: skip


def _uniform(numbers: np.ndarray[Any, np.dtype[np.uint64]], seed: np.uint64) -> np.ndarray[Any, Any]:
    """Scramble numbers into [0, 1) (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        mixed = (numbers + seed) * _MIX
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * _UNIT
