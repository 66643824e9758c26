"""Count the demand on each pool as this gateway sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from deployments.engines.histogram import LatencyHistogram
from deployments.errors import Rejected
from deployments.signals import PoolDemand

FirstTokenObserver = Callable[[str, str, float], None]


def unmeasured(node: str, target: str, seconds: float) -> None:
    """Ignore first tokens."""


class Demand:
    """The requests sent to every pool; ``clock`` is monotonic, in seconds.

    Counts change on one event loop; any thread may read them. ``first_token`` is told how long each first token took
    that a graph node asked for.
    """

    def __init__(self, clock: Callable[[], float], first_token: FirstTokenObserver = unmeasured) -> None:
        self._clock = clock
        self._first_token = first_token
        self._pools: dict[str, _Pool] = {}

    @contextmanager
    def track(self, pool: str, path: tuple[str, ...] = ()) -> Iterator[Tracked]:
        """Count one request from here to its end, however it ends; *path* are the nodes that it came through."""
        counts = self._pools.setdefault(pool, _Pool())
        tracked = Tracked(counts, self._clock, self._observer(pool, path))
        try:
            yield tracked
        except Rejected:
            counts.refused += 1
            raise
        finally:
            tracked.end()

    def _observer(self, pool: str, path: tuple[str, ...]) -> Callable[[float], None] | None:
        # A failed branch stays in the path as ``name!code``: it is not where the request comes from.
        node = next((name for name in reversed(path) if "!" not in name), None)
        return None if node is None else lambda seconds: self._first_token(node, pool, seconds)

    def read(self) -> Mapping[str, PoolDemand]:
        """Return every pool's counts as of now."""
        return {
            name: PoolDemand(
                in_flight=counts.in_flight,
                held=counts.held,
                arrivals_total=counts.arrivals,
                refused_total=counts.refused,
                ttft=counts.ttft.read(),
            )
            for name, counts in tuple(self._pools.items())
        }


class _Pool:
    __slots__ = ("arrivals", "held", "in_flight", "refused", "ttft")

    def __init__(self) -> None:
        self.in_flight = self.held = self.arrivals = self.refused = 0
        self.ttft = LatencyHistogram()


class Tracked:
    """One request under way; it is held until its first token."""

    __slots__ = ("_clock", "_counts", "_held", "_observe", "_sent_s")

    def __init__(
        self, counts: _Pool, clock: Callable[[], float], observe: Callable[[float], None] | None = None
    ) -> None:
        self._counts, self._clock, self._sent_s, self._held = counts, clock, clock(), True
        self._observe = observe
        counts.arrivals += 1
        counts.in_flight += 1
        counts.held += 1

    def token(self) -> None:
        """Note that tokens have come."""
        if self._held:
            self._release()
            took_s = self._clock() - self._sent_s
            self._counts.ttft.add(took_s)
            if self._observe is not None:
                self._observe(took_s)

    def end(self) -> None:
        """Stop counting the request as in flight."""
        self._counts.in_flight -= 1
        if self._held:
            self._release()

    def _release(self) -> None:
        self._held = False
        self._counts.held -= 1
