"""A model behind another server's OpenAI-compatible API, streamed as if it were a pool of this one."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from secrets import token_bytes
from urllib.parse import urlsplit

import msgspec

from deployments.errors import DeadlineExceeded, FirstTokenTimeout, Overloaded, Rejected, Stalled, StaysLocal
from deployments.graph.alarm import Alarm
from deployments.graph.meters import Meters, Unmetered
from deployments.graph.watchdog import Watchdog
from deployments.remote.answers import streamed, whole
from deployments.remote.asking import PATHS, SALTED, body_of, headers_of, own_salt
from deployments.remote.connection import Call, Connections
from deployments.remote.key import Key
from deployments.remote.leaving import Leaving
from deployments.remote.spec import RemoteSpec
from deployments.request import Context, Frame, Head, Request
from deployments.salts import SECRET_BYTES, Salts

_RETRY_AFTER_S = 1.0


class RemoteModel:
    """One remote model; *clock* is the one of ``Context.deadline_s``, keys are looked up in *environment*.

    *meters* are told of what its redaction finds.
    """

    def __init__(
        self,
        name: str,
        spec: RemoteSpec,
        *,
        clock: Callable[[], float] = time.monotonic,
        environment: Mapping[str, str] = os.environ,
        meters: Meters | None = None,
    ) -> None:
        self.spec = spec
        self._name, self._clock = name, clock
        self._host = urlsplit(spec.url).netloc
        self._key = Key(name, spec.key, environment)
        self._connections = Connections(name, spec)
        self._leaving = None if spec.redact is None else Leaving(name, spec.redact, meters or Unmetered())
        self._salts = Salts(token_bytes(SECRET_BYTES))
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def stream(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the answer; closing the stream closes the connection.

        Raises Withheld where the model's redaction lets nothing leave.

        An answer that is not streamed shows its first token when the server sends its headers, which many do at the
        end; ``first_token`` and ``between_tokens`` bound streams alone, the deadline everything.
        """
        if self._leaving is None or context.standing.stays_local:
            return self._sent(request, context)  # which refuses what stays, with nothing searched
        return self._leaving.stream(request, context, self._sent)

    async def _sent(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        call, key = self._call(request, context)
        self._under_way += 1
        self._idle.clear()
        limits = self.spec.timeout
        watchdog = Watchdog(limits.first_token, limits.between_tokens) if request.stream else Watchdog(None, None)
        alarm = Alarm(context.deadline_s - self._clock())
        head: Head | None = Head(model=self._name, path=context.path, replica=self._host, sent_s=self._clock())
        answer = streamed if request.stream else whole
        try:
            async with aclosing(answer(self._name, self._connections, call, request, key)) as frames:
                while (frame := await self._next(frames, watchdog, alarm, begun=head is None)) is not None:
                    yield frame if head is None else msgspec.structs.replace(frame, head=head)
                    head = None
        finally:
            watchdog.close()
            alarm.close()
            self._left()

    async def retire(self) -> None:
        """Close all connections once the calls under way have ended."""
        try:
            while self._under_way:
                await self._idle.wait()
        finally:
            await self._connections.close()

    async def close(self) -> None:
        """Close all connections at once."""
        await self._connections.close()

    def _call(self, request: Request, context: Context) -> tuple[Call, str | None]:
        """Return what to send, and the key that is in it; raises Rejected where nothing can or may be sent."""
        if context.standing.stays_local:
            raise StaysLocal.at(self._name)
        path = next((path for endpoint, path in PATHS.items() if endpoint == request.endpoint), None)
        if path is None or request.endpoint not in self.spec.endpoints or request.resume is not None:
            raise Rejected(f"{self._name}: the server behind it cannot do this")
        if self._under_way >= self.spec.concurrency:
            raise Overloaded(f"{self._name}: {self._under_way} requests are under way", retry_after_s=_RETRY_AFTER_S)
        key = self._key.read()
        body = body_of(request, self.spec.model)
        if self.spec.salt and context.standing.prefixes and request.endpoint in SALTED:
            body["cache_salt"] = self._salts_by(key).of(context.standing.prefixes, own_salt(request))
        return Call(path=path, headers=headers_of(request, key, context.call_id), body=body), key

    def _salts_by(self, key: str | None) -> Salts:
        """Return what hashes with a secret of whoever may call the server, which all gateways know alike."""
        return self._salts if key is None else Salts(key.encode())

    async def _next(
        self, frames: AsyncIterator[Frame], watchdog: Watchdog, alarm: Alarm, *, begun: bool
    ) -> Frame | None:
        try:
            with alarm, watchdog:
                return await anext(frames, None)
        except TimeoutError as error:
            if alarm.rung:
                raise DeadlineExceeded("the request's time is over") from error
            if not watchdog.rung:
                raise
            limits = self.spec.timeout
            if begun:
                raise Stalled(f"{self._name} produced no token for {limits.between_tokens:g} s") from error
            raise FirstTokenTimeout(f"{self._name} produced no token within {limits.first_token:g} s") from error

    def _left(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()
