"""Questions of a gateway to the fleet controller."""

from __future__ import annotations

import asyncio
from typing import Any

import ray

from deployments.errors import Rejected


async def ask(controller: tuple[str, str], method: str, *arguments: Any, within_s: float) -> Any:
    """Return what the controller, given by its name and namespace, answers; raises Rejected where it is silent."""
    name, namespace = controller
    try:
        async with asyncio.timeout(within_s):
            # Looking an actor up blocks its caller, and waits long while the cluster's head is away.
            actor: Any = await asyncio.to_thread(ray.get_actor, name, namespace)
            return await getattr(actor, method).remote(*arguments)
    except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
        raise _silent() from error


class KnownController:
    """A controller that is asked again and again: its handle is kept, and one thread at a time looks it up.

    Such a thread outlives whoever waits for it. Until it has come back, who asks is told so at once.
    """

    def __init__(self, controller: tuple[str, str]) -> None:
        self._controller = controller
        self._handle: asyncio.Future[Any] | None = None
        self._overdue: asyncio.Future[Any] | None = None

    async def ask(self, method: str, *arguments: Any, within_s: float) -> Any:
        """Return what the controller answers; raises Rejected where it is silent."""
        handle = self._looked_up()
        if handle is self._overdue and not handle.done():
            raise _silent()
        try:
            async with asyncio.timeout(within_s):
                actor = await asyncio.shield(handle)
                return await getattr(actor, method).remote(*arguments)
        except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
            if handle.done():
                self._forget(handle)  # it may have become another actor
            else:
                self._overdue = handle
            raise _silent() from error

    def _looked_up(self) -> asyncio.Future[Any]:
        known = self._handle
        if known is None or (known.done() and (known.cancelled() or known.exception() is not None)):
            self._handle = asyncio.ensure_future(asyncio.to_thread(ray.get_actor, *self._controller))
            self._handle.add_done_callback(_heard)
            return self._handle
        return known

    def _forget(self, handle: asyncio.Future[Any]) -> None:
        if self._handle is handle:
            self._handle = None


def _heard(lookup: asyncio.Future[Any]) -> None:
    """Take note of how *lookup* ended, which nobody may wait for any more."""
    if not lookup.cancelled():
        lookup.exception()


def _silent() -> Rejected:
    told = "the fleet controller does not answer; it restarts by itself within seconds: ask again"
    return Rejected(told, retry_after_s=5.0)
