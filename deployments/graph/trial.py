"""One call past a circuit breaker, which learns how it went however it ends."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from deployments.errors import DeadlineExceeded, EngineFailed, FirstTokenTimeout, Stalled
from deployments.graph.breaker import Breaker, BreakerRule, Pass

# A refusal says nothing of a target's health: a full pool is at work, and an empty one refuses at no cost.
_BLAMED = (EngineFailed, FirstTokenTimeout, Stalled)


class Trial:
    """A context manager around the call; ``deadline_s`` is the request's own, on *clock*."""

    __slots__ = ("_breaker", "_clock", "_deadline_s", "_given", "_rule", "seen")

    def __init__(
        self, breaker: Breaker, rule: BreakerRule, given: Pass, clock: Callable[[], float], deadline_s: float
    ) -> None:
        self._breaker, self._rule, self._given = breaker, rule, given
        self._clock, self._deadline_s = clock, deadline_s
        self.seen = False

    def saw(self) -> None:
        """Note that the target answers."""
        if not self.seen:
            self.seen = True
            self._breaker.answered(self._given, self._rule)

    def __enter__(self) -> Trial:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now_s = self._clock()
        # Who ran out of a time that a node further down gave it is late; the request's own time is no one's fault.
        late = isinstance(error, DeadlineExceeded) and now_s < self._deadline_s
        if late or isinstance(error, _BLAMED):
            self._breaker.failed(self._given, self._rule, now_s)
        elif self.seen:
            self._breaker.succeeded(self._given, now_s)
        else:
            self._breaker.dropped(self._given)
