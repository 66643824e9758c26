"""Count the demand on each pool as this gateway sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from deployments.errors import Invalid, Rejected, ServingError
from deployments.signals import PoolDemand, PoolState
from deployments.telemetry.tracked import PoolCounts, PromptSize, Tracked, unsized

FirstTokenObserver = Callable[[str, str, float], None]


def unmeasured(node: str, target: str, seconds: float) -> None:
    """Ignore first tokens."""


def untold(pool: str) -> None:
    """Know of no pool."""


class Demand:
    """The requests sent to every pool; ``clock`` is monotonic, in seconds.

    Counts change on one event loop; any thread may read them. ``first_token`` is told how long each first token took
    that a graph node asked for; ``state`` is asked for the latency targets of a pool when a request to it ends.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        first_token: FirstTokenObserver = unmeasured,
        state: Callable[[str], PoolState | None] = untold,
    ) -> None:
        self._clock, self._first_token, self._state = clock, first_token, state
        self._pools: dict[str, PoolCounts] = {}

    @contextmanager
    def track(
        self,
        pool: str,
        path: tuple[str, ...] = (),
        *,
        group: str = "",
        size: PromptSize = unsized,
        charged: bool = True,
    ) -> Iterator[Tracked]:
        """Count one request from here to its end, however it ends.

        *path* are the nodes that it came through, *group* is its class of tenants, *size* estimates its prompt in
        tokens when somebody asks. What is not *charged* nobody waits for: no latency is too long for it.
        """
        counts = self._pools.setdefault(pool, PoolCounts())
        tracked = Tracked(counts, self._clock, group=group, size=size, observe=self._observer(pool, path))
        failed = False
        try:
            yield tracked
        except Rejected:
            counts.refused += 1
            failed = True
            raise
        except ServingError as error:
            failed = not isinstance(error, Invalid)
            raise
        finally:
            tracked.end()
            if charged and (state := self._state(pool)) is not None:
                tracked.judge(state.ttft_target_s, state.tpot_target_s, failed=failed)

    def _observer(self, pool: str, path: tuple[str, ...]) -> Callable[[float], None] | None:
        # A failed branch stays in the path as ``name!code``: it is not where the request comes from.
        node = next((name for name in reversed(path) if "!" not in name), None)
        return None if node is None else partial(self._first_token, node, pool)

    def read(self) -> Mapping[str, PoolDemand]:
        """Return every pool's counts as of now."""
        return {name: counts.read() for name, counts in tuple(self._pools.items())}
