"""Mid-stream failover: what one request delivered so far, and how it goes on when its replica is lost."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import msgspec

from deployments.errors import EngineFailed, Overloaded, ServingError, TimedOut
from deployments.graph.disclosure import comment
from deployments.graph.emitted import Emitted
from deployments.request import Frame, Request
from deployments.resumable import resumable

# A request that kills whatever serves it must not walk through a whole pool.
LOST = 3
# A replica that takes its neighbour's streams over may be full for a while.
REFUSED = 20
PAUSE_S = 0.2
LONGEST_PAUSE_S = 1.0


def always(_: str) -> bool:
    """Let every pool fail over."""
    return True


def uncounted(pool: str, outcome: str) -> None:
    """Ignore what becomes of broken streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """Which pools may go on with a broken stream on another replica, and who counts the outcome.

    An outcome is ``resumed`` or ``failed``.
    """

    allowed: Callable[[str], bool] = always
    count: Callable[[str, str], None] = uncounted


class Course:
    """One request's way through the replicas of a pool.

    ``request`` is what to send next. Before the first data a try that failed has cost nothing but time; afterwards
    ``broken`` holds the error that the client would be told.
    """

    def __init__(self, pool: str, request: Request, failover: Failover) -> None:
        self.request = request
        self.broken: ServingError | None = None
        self._pool, self._failover = pool, failover
        self._emitted: Emitted | None = None
        if failover.allowed(pool) and resumable(request):
            self.request = replace(request, traced=True)
            self._emitted = Emitted(request.resume)
        self._delivered = False
        self._failed = self._refused = 0
        self._lost: set[str] = set()
        self._full = self._wrote = ""

    def passing(self, frame: Frame) -> Frame:
        """Return *frame* as the client is to get it: of a stream that is gone on with, without a second head."""
        if frame.head is not None and self.broken is not None:
            frame = self._taken_over(frame, frame.head.replica)
        elif frame.head is not None:
            self._wrote = frame.head.replica
        self._delivered = self._delivered or bool(frame.data)
        if self._emitted is not None:
            self._emitted.saw(frame)
        return frame

    @property
    def whole(self) -> bool:
        """Say whether nothing is missing although the connection was lost."""
        return self._emitted is not None and self._emitted.finished

    def goes_on(self, error: ServingError, replica: str, *, others: bool) -> bool:
        """Note how a try ended, and say whether there is to be another; *others* says if there are more replicas."""
        refused = isinstance(error, Overloaded)
        self._refused += refused
        self._failed += not refused
        self._full = replica if refused else ""
        if not refused:
            self._lost.add(replica)
        if not self._delivered:
            return self._failed + self._refused < LOST and (not refused or others) and not self.request.replica
        if self._emitted is None or not isinstance(error, EngineFailed | Overloaded):
            return False
        self.broken = self.broken or error
        self.request = replace(self.request, resume=self._emitted.resume())
        return self._failed <= LOST and self._refused <= REFUSED

    def told(self, error: ServingError) -> ServingError:
        """Return what the client is told when it does not go on: the first cause, unless its own time was over."""
        if self.broken is None:
            return error
        self._failover.count(self._pool, "failed")
        broken, self.broken = self.broken, None  # its traceback holds whoever holds this course
        return error if isinstance(error, TimedOut) else broken

    def preferred(self, replicas: Sequence[str]) -> Collection[str]:
        """Return those of *replicas* to try next: not one that failed, which may be late to say so, nor a full one."""
        sound = [one for one in replicas if one not in self._lost]
        return [one for one in sound if one != self._full] or sound or replicas

    @property
    def pause_s(self) -> float:
        """Return how long to wait before the next try."""
        return min(LONGEST_PAUSE_S, PAUSE_S * (self._failed + self._refused))

    def _taken_over(self, frame: Frame, replica: str) -> Frame:
        assert self._emitted is not None  # noqa: S101
        self._failover.count(self._pool, "resumed")
        resumed = {
            "by": replica,
            "from": self._wrote,
            "because": self.broken.code if self.broken is not None else "",
            "after_tokens": self._emitted.tokens,
        }
        self._wrote, self.broken = replica, None
        return msgspec.structs.replace(frame, head=None, data=comment({"resumed": resumed}) + frame.data)
