"""The waiting room in front of an admission queue: requests sleep here until it is their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deployments.errors import DeadlineExceeded, Overloaded, ServingError, TooManyRequests
from deployments.nodes.admission.queue import AdmissionQueue, Limits, Reason, Refusal
from deployments.nodes.admission.ticket import Ticket

LEAST_RETRY_S, MOST_RETRY_S = 1.0, 300.0

_SAID = {
    "queue_full": "as many requests wait as may",
    "tenant_excess": "this caller has as many requests under way as it may have",
    "too_late": "so many requests wait that this one could not be answered in time",
    "displaced": "requests of a higher class, or of callers with less in the queue, have taken the place in it",
    "waited_too_long": "no place became free in time",
    "no_free_place": "what nobody asked for is let in only where a place is free",
}


class RefusedError(Exception):
    """A request was not let in, for *reason*; ``told`` is what the client gets."""

    def __init__(self, reason: Reason, told: ServingError) -> None:
        super().__init__(reason)
        self.reason, self.told = reason, told


class Gate:
    """Wakes requests in the queue's order; *clock* is monotonic, in seconds; *tell* hears how many wait and are inside.

    The last request's limits hold for all. Whoever ``enter``s must ``leave``, let in or not. A guest brings an *evict*,
    called when it has lost the place that it was let in to.
    """

    def __init__(self, clock: Callable[[], float], tell: Callable[[int, int], None]) -> None:
        self.queue = AdmissionQueue()
        self._clock, self._tell = clock, tell
        self._limits = Limits(concurrent=1, queue=0)
        self._turns: dict[Ticket, asyncio.Future[bool]] = {}
        self._guests: dict[Ticket, Callable[[], None]] = {}

    async def enter(self, ticket: Ticket, limits: Limits, evict: Callable[[], None] | None = None) -> float:
        """Wait until *ticket* is let in, and return how long that took; raises RefusedError where it is not."""
        self._limits = limits
        answer = self.queue.offer(ticket, limits, ticket.arrived_s)
        if isinstance(answer, Refusal):
            raise self._refused(answer.reason, answer.retry_after_s)
        if answer is not None:
            self._settle(answer, admitted=False)
        if evict is not None:
            self._guests[ticket] = evict
        self._advance()
        if ticket.started_s is None and not await self._turn(ticket):
            raise self._refused("displaced", self._drain_s())
        return self._clock() - ticket.arrived_s

    def leave(self, ticket: Ticket) -> None:
        """Give the place up, inside or in the queue."""
        self._turns.pop(ticket, None)
        self._guests.pop(ticket, None)
        self.queue.leave(ticket, self._clock())
        self._advance()

    async def _turn(self, ticket: Ticket) -> bool:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._turns[ticket] = turn
        try:
            async with asyncio.timeout(ticket.start_by_s - self._clock()):
                return await turn
        except TimeoutError:
            raise self._too_late(ticket) from None

    def _advance(self) -> None:
        for ticket in self.queue.admit(self._limits, self._clock()):
            self._settle(ticket, admitted=True)
        for guest in self.queue.evict(self._limits, self._clock()):
            self._guests.pop(guest)()
        self._tell(self.queue.waiting, len(self.queue.running))

    def _settle(self, ticket: Ticket, *, admitted: bool) -> None:
        """Wake *ticket*, unless it does not sleep yet or is about to leave."""
        turn = self._turns.pop(ticket, None)
        if turn is not None and not turn.done():
            turn.set_result(admitted)

    def _too_late(self, ticket: Ticket) -> RefusedError:
        if self._clock() >= ticket.deadline_s:
            return RefusedError("waited_too_long", DeadlineExceeded("the request's time was over before its turn came"))
        return self._refused("waited_too_long", self._drain_s())

    def _drain_s(self) -> float:
        return self.queue.drain_s(self._limits, self._clock())

    def _refused(self, reason: Reason, retry_after_s: float) -> RefusedError:
        kind = TooManyRequests if reason == "tenant_excess" else Overloaded
        wait_s = min(max(LEAST_RETRY_S, retry_after_s), MOST_RETRY_S)
        return RefusedError(reason, kind(_SAID[reason], retry_after_s=wait_s))
