"""vLLM's queue of waiting requests in two parts: those that can still be in time, and behind them those that cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from vllm.v1.core.sched.request_queue import RequestQueue, SchedulingPolicy, create_request_queue
from vllm.v1.request import Request

from deployments.engines.fair_tags import LEVEL
from deployments.scheduling.lateness import late_is_next


class PunctualQueue(RequestQueue):  # type: ignore[misc]
    """Two of vLLM's queues, each in the order of its policy; a higher level of priority goes before both parts."""

    def __init__(self, policy: SchedulingPolicy) -> None:
        self._soon, self._late = create_request_queue(policy), create_request_queue(policy)
        self._taken = 0
        self._behind: set[str] = set()

    def let_late_wait(self, is_late: Callable[[Request], bool]) -> None:
        """Move requests from the head of the first part to the second as long as they are late."""
        self._behind.clear()
        while self._soon and is_late(self._soon.peek_request()):
            self._late.add_request(self._soon.pop_request())

    def add_request(self, request: Request) -> None:
        """Add a request that has just come."""
        self._soon.add_request(request)

    def peek_request(self) -> Request:
        """Return the next request. Raises IndexError where there is none."""
        return self._next().peek_request()

    def pop_request(self) -> Request:
        """Take the next request. Raises IndexError where there is none."""
        queue = self._next()
        request = queue.pop_request()
        late = queue is self._late
        self._taken = 0 if late or not self._late else self._taken + 1
        if late:
            self._behind.add(request.request_id)
        return request

    def prepend_request(self, request: Request) -> None:
        """Put a request back to the head of the part that it was taken from."""
        late = request.request_id in self._behind and not request.num_output_tokens
        (self._late if late else self._soon).prepend_request(request)

    def prepend_requests(self, requests: Iterable[Request]) -> None:
        """Put requests back, each before the last, as vLLM's queues do."""
        for request in requests:
            self.prepend_request(request)

    def remove_request(self, request: Request) -> None:
        """Take a request out, wherever it is."""
        self.remove_requests([request])

    def remove_requests(self, requests: Iterable[Request]) -> None:
        """Take requests out, wherever they are."""
        gone = set(requests)
        for queue in (self._soon, self._late):
            queue.remove_requests(gone)

    def __bool__(self) -> bool:
        return bool(self._soon) or bool(self._late)

    def __len__(self) -> int:
        return len(self._soon) + len(self._late)

    def __iter__(self) -> Iterator[Request]:
        yield from self._soon
        yield from self._late

    def _next(self) -> RequestQueue:
        if not (self._soon and self._late):
            return self._soon or self._late
        level, late_level = (_level(queue.peek_request()) for queue in (self._soon, self._late))
        if level != late_level:
            return self._soon if level < late_level else self._late
        return self._late if late_is_next(len(self._soon), len(self._late), self._taken) else self._soon


def _level(request: Request) -> int:
    return int(request.priority // LEVEL)
