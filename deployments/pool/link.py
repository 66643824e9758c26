"""A gateway's connection to one replica, which carries all of its calls there."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import grpc
import msgspec

from deployments.engines.outbox import Outbox
from deployments.errors import EngineFailed
from deployments.pool.wire import (
    KEY,
    METHOD,
    OPTIONS,
    Batch,
    Cancel,
    Keep,
    Load,
    call_of,
    decode_batch,
    encode,
    error_of,
    packed,
)
from deployments.request import Context, Frame, Request
from deployments.signals import ReplicaPlace
from deployments.telemetry.trace_context import request_in_trace

log = logging.getLogger("tercet.pool")

RETRY_S = 0.25
LONGEST_RETRY_S = 2.0
MOST_TRACED = 4096
_NONE = Load()


class Link:
    """Connects, and connects again, until it is closed; ``changed`` is called when what it can take has changed.

    ``load`` is the replica's last word, all zero while there is no connection.
    """

    def __init__(
        self,
        pool: str,
        place: ReplicaPlace,
        changed: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.place = place
        self.load = _NONE
        self._pool, self._changed, self._clock = pool, changed, clock
        self._numbers = itertools.count()
        self._calls: dict[int, Outbox] = {}
        self._unbegun: set[int] = set()
        self._requests: dict[int, str] = {}
        self._traced: dict[str, None] = {}
        self._outgoing: list[msgspec.Raw] = []
        self._news = asyncio.Event()
        self._running = asyncio.create_task(self._connect_for_ever(), name=f"link to {place.replica}")

    @property
    def in_flight(self) -> int:
        """Return the calls at the replica: those of others as it last said, and ours as they are."""
        return self.load.in_flight - self.load.yours + len(self._calls)

    @property
    def unbegun(self) -> int:
        """Return our calls of which nothing has come back yet."""
        return len(self._unbegun)

    @property
    def usable(self) -> bool:
        """Say whether the replica is there and takes calls."""
        return self.load.limit > 0

    @property
    def idle(self) -> bool:
        """Say whether nobody waits for anything from the replica."""
        return not self._calls

    def holds(self, request_id: str) -> bool:
        """Say whether the replica has a call of ours for that request."""
        return request_id in self._requests.values()

    async def stream(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Send one call and stream its answer; raises a ServingError, EngineFailed when the connection is lost."""
        number, inbox = next(self._numbers), Outbox()
        message = packed(call_of(number, request, context, now_s=self._clock()))
        self._calls[number], self._requests[number] = inbox, context.request_id
        self._unbegun.add(number)
        if context.span is not None:
            self._traced[request_in_trace(context.span, context.request_id)] = None
            if len(self._traced) > MOST_TRACED:
                del self._traced[next(iter(self._traced))]
        self._send(message)
        try:
            async for frame in inbox.frames():
                yield frame
        finally:
            del self._requests[number]
            self._unbegun.discard(number)
            if self._calls.pop(number, None) is not None:
                self._send(packed(Cancel(number)))

    def keep(self, request: str) -> None:
        """Have the replica keep what it has traced of a request, named within its trace, if it had a call of it."""
        if request in self._traced:
            del self._traced[request]
            self._send(packed(Keep(request)))

    async def close(self) -> None:
        """Disconnect; calls under way end with EngineFailed."""
        self._running.cancel()
        await asyncio.wait([self._running])

    def _send(self, message: msgspec.Raw) -> None:
        self._outgoing.append(message)
        self._news.set()

    async def _connect_for_ever(self) -> None:
        wait_s = RETRY_S
        while True:
            try:
                async with grpc.aio.insecure_channel(self.place.address, options=OPTIONS) as channel:
                    await self._attached(channel)
                    wait_s = RETRY_S
            except (grpc.RpcError, grpc.aio.UsageError, msgspec.DecodeError, ConnectionError) as error:
                log.info("link_lost pool=%s replica=%s reason=%s", self._pool, self.place.replica, _reason(error))
            finally:
                self._lost()
            await asyncio.sleep(wait_s)
            wait_s = min(LONGEST_RETRY_S, 2 * wait_s)

    async def _attached(self, channel: Any) -> None:
        stream = channel.stream_stream(METHOD)(metadata=((KEY, self.place.key),))
        writing = asyncio.create_task(self._write(stream), name=f"calls to {self.place.replica}")
        try:
            while (data := await stream.read()) is not grpc.aio.EOF:
                self._received(decode_batch(data))
        finally:
            writing.cancel()
            await asyncio.wait([writing])
            if not writing.cancelled():
                writing.exception()  # seen: the reader meets the same end
            stream.cancel()

    async def _write(self, stream: Any) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            messages, self._outgoing = self._outgoing, []
            await stream.write(encode(messages))

    def _received(self, batch: Batch) -> None:
        before, self.load = self.load, batch.load
        calls = self._calls
        self._unbegun.difference_update(batch.frames)
        for number, frame in batch.frames.items():
            if (inbox := calls.get(number)) is not None:
                inbox.put(frame)
        for number, failure in batch.ended.items():
            if (inbox := calls.pop(number, None)) is not None:
                inbox.end(error_of(failure) if failure is not None else None)
        if batch.ended or before.limit != batch.load.limit:
            self._changed()

    def _lost(self) -> None:
        self.load = _NONE
        calls, self._calls = self._calls, {}
        self._outgoing.clear()
        for inbox in calls.values():
            inbox.end(EngineFailed(f"a replica of {self._pool} was lost", retry_after_s=1.0))
        self._changed()


def _reason(error: Exception) -> str:
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.aio.AioRpcError) else repr(error)
