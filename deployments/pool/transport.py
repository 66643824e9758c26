"""The way from a graph's leaf to an engine replica: one Ray Serve handle stream a request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import BackPressureError, RayServeException

from deployments.errors import DeadlineExceeded, EngineFailed, Overloaded, ServingError
from deployments.pool.availability import refusal
from deployments.pool.wire import Failure, Message, call_of, error_of
from deployments.request import Context, Frame, Request
from deployments.signals import FleetView

log = logging.getLogger("tercet.pool")

ENGINE_DEPLOYMENT = "Engine"
ATTEMPTS = 3
RESEND_AFTER_S = 0.2
_PATIENCE_S = 0.5


def application_of(pool: str) -> str:
    """Return the name of a pool's Serve application; a prefix keeps it apart from the gateway's."""
    return f"pool-{pool}"


class ServeTransport:
    """Reach the replicas of every pool; Serve's own router picks the one with the fewest calls.

    A replica lost before its first data costs the request nothing but time: it is sent again. One lost later ends
    the stream with EngineFailed, because what was already delivered cannot be taken back.
    """

    def __init__(
        self, view: Callable[[], FleetView | None], *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._view = view
        self._pause = pause
        self._handles: dict[str, Any] = {}

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream one answer from *pool*; raises a ServingError where there is none."""
        for attempt in range(1, ATTEMPTS + 1):
            delivered = False
            try:
                async with aclosing(self._once(pool, request, context)) as frames:
                    async for frame in frames:
                        delivered = delivered or bool(frame.data)
                        yield frame
            except (EngineFailed, Overloaded) as error:
                if delivered or attempt == ATTEMPTS or not self._worth_another(pool, error):
                    raise
                log.warning("resend request=%s pool=%s attempt=%d reason=%s", context.request_id, pool, attempt, error)
                await self._pause(RESEND_AFTER_S * attempt)
            else:
                return

    async def _once(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        call = call_of(request, context, now_s=time.monotonic())
        stream = self._handle(pool).remote(call)
        try:
            message = await self._first(stream, pool, context)
            while message is not None:
                if isinstance(message, Failure):
                    raise error_of(message)
                if isinstance(message, Frame):
                    yield message
                message = await _next(stream, pool)
        finally:
            stream.cancel()

    async def _first(self, stream: Any, pool: str, context: Context) -> Message | None:
        """Wait until a replica has the call, giving up when the pool has none left that could take it."""
        pending = asyncio.ensure_future(_next(stream, pool))
        try:
            while True:
                # One pending task throughout: cancelling a read would end the stream.
                done, _ = await asyncio.wait({pending}, timeout=_PATIENCE_S)
                if done:
                    return pending.result()
                if context.deadline_s <= time.monotonic():
                    raise DeadlineExceeded("the request's time was over before a replica took it")
                hopeless = refusal(pool, self._view())
                if hopeless is not None:
                    raise hopeless
        finally:
            pending.cancel()
            await asyncio.wait({pending})
            if not pending.cancelled():
                pending.exception()  # seen: what a cancelled read ends with is nobody's news

    def _worth_another(self, pool: str, error: ServingError) -> bool:
        """Say whether another replica may do better: for a lost one always, for a full one where there are several."""
        if isinstance(error, EngineFailed):
            return True
        view = self._view()
        state = view.pools.get(pool) if view is not None else None
        return state is not None and state.ready > 1

    def _handle(self, pool: str) -> Any:
        if pool not in self._handles:
            self._handles[pool] = serve.get_deployment_handle(
                ENGINE_DEPLOYMENT, app_name=application_of(pool), _check_exists=False
            ).options(
                stream=True,
                method_name="stream",
                _by_reference=False,
                request_serialization="pickle",
                response_serialization="pickle",
            )
        return self._handles[pool]


async def _next(stream: Any, pool: str) -> Message | None:
    """Read one message, None at the end; whatever breaks underneath becomes a ServingError."""
    try:
        message: Message = await anext(stream)
    except StopAsyncIteration:
        return None
    except BackPressureError as error:
        raise Overloaded(f"too many requests wait for {pool}", retry_after_s=1.0) from error
    except ServingError:
        raise
    except (RayError, RayServeException, ConnectionError) as error:
        raise EngineFailed(f"a replica of {pool} was lost", retry_after_s=1.0) from error
    except Exception as error:
        if type(error).__module__.startswith("grpc"):
            raise EngineFailed(f"a replica of {pool} was lost", retry_after_s=1.0) from error
        raise
    return message
