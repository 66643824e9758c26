"""One gateway's calls at one replica: answers run side by side, and what they yield leaves in batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from deployments.engines.outbox import merged
from deployments.errors import ServingError
from deployments.pool.pace import LONGEST_S, wait_s
from deployments.pool.wire import Batch, Call, Cancel, Failure, Load, failure_of
from deployments.request import Frame
from deployments.telemetry.logs import bound

log = logging.getLogger("tercet.pool")

Answer = Callable[[Call], AsyncIterator[Frame]]


class Desk:
    """Runs a task a call; ``answer`` yields its frames and raises ServingErrors, ``load`` is asked for each batch.

    A gateway that reads slowly gets fewer and larger batches: what waits is merged call by call.
    """

    def __init__(
        self, answer: Answer, load: Callable[[int], Load], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._answer, self._load, self._clock = answer, load, clock
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._frames: dict[int, list[Frame]] = {}
        self._ended: dict[int, Failure | None] = {}
        self._hurried: set[int] = set()
        self._news, self._hurry = asyncio.Event(), asyncio.Event()
        self._sent_s = clock()
        self._closed = False

    def take(self, message: Call | Cancel) -> None:
        """Begin a call, or end one; a call that is over already is nothing to cancel."""
        if isinstance(message, Call):
            name = f"call {message.request_id}"
            self._tasks[message.number] = asyncio.create_task(self._run(message), name=name)
        elif (task := self._tasks.pop(message.number, None)) is not None:
            task.cancel()
            self._frames.pop(message.number, None)

    def announce(self) -> None:
        """Send the load at once."""
        self._news.set()
        self._hurry.set()

    async def batches(self) -> AsyncIterator[Batch]:
        """Yield what there is to send, until the desk is closed."""
        while True:
            await self._news.wait()
            overdue = await self._gather()
            if self._closed:
                return
            self._hurry.clear()
            yield self._everything() if overdue else self._urgent()

    async def close(self) -> None:
        """End every call and the batches; the calls' sequences are freed before this returns."""
        self._closed = True
        self.announce()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _gather(self) -> bool:
        """Wait for more; return False when something came up that cannot wait for the rest, and the rest can."""
        limit_s = wait_s(streams=len(self._tasks), since_last_s=self._clock() - self._sent_s)
        if limit_s > 0:
            try:
                async with asyncio.timeout(limit_s):
                    await self._hurry.wait()
            except TimeoutError:
                return True
            return self._clock() - self._sent_s > LONGEST_S
        return True

    def _everything(self) -> Batch:
        self._news.clear()
        self._sent_s = self._clock()
        frames, self._frames = self._frames, {}
        ended, self._ended = self._ended, {}
        self._hurried.clear()
        return Batch(load=self._load(len(self._tasks)), frames=_merged(frames), ended=ended)

    def _urgent(self) -> Batch:
        frames = {number: self._frames.pop(number) for number in self._hurried if number in self._frames}
        ended, self._ended = self._ended, {}
        self._hurried.clear()
        if not self._frames:
            self._news.clear()
        return Batch(load=self._load(len(self._tasks)), frames=_merged(frames), ended=ended)

    def _put(self, number: int, frame: Frame) -> None:
        if (held := self._frames.get(number)) is None:
            self._frames[number] = [frame]
        else:
            held.append(frame)
        self._news.set()
        if frame.head is not None:
            self._hasten(number)

    def _end(self, number: int, failure: Failure | None) -> None:
        if self._tasks.pop(number, None) is not None:
            self._ended[number] = failure
            self._news.set()
            self._hasten(number)

    def _hasten(self, number: int) -> None:
        self._hurried.add(number)
        self._hurry.set()

    async def _run(self, call: Call) -> None:
        try:
            with bound(request_id=call.request_id):
                async with aclosing(self._answer(call)) as frames:  # type: ignore[type-var]
                    async for frame in frames:
                        self._put(call.number, frame)
            self._end(call.number, None)
        except ServingError as error:
            self._end(call.number, failure_of(error))
        except Exception:
            log.exception("call_crashed request=%s", call.request_id)
            self._end(
                call.number, failure_of(ServingError("the replica could not answer because of an internal error"))
            )


def _merged(frames: dict[int, list[Frame]]) -> dict[int, Frame]:
    return {number: merged(held) for number, held in frames.items()}
