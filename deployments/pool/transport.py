"""The way from a graph's leaf to an engine replica: pick a link, send the call, and send it again if that was lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing

import msgspec

from deployments.errors import DeadlineExceeded, EngineFailed, NoReplica, NotFound, Overloaded, ServingError
from deployments.pool.availability import refusal, waking_s
from deployments.pool.failover import Course, Failover
from deployments.pool.link import Link
from deployments.pool.links import Links
from deployments.pool.parking import staying
from deployments.pool.picker import Picker
from deployments.request import Context, Frame, Request
from deployments.signals import FleetView

log = logging.getLogger("tercet.pool")

ENGINE_DEPLOYMENT = "Engine"
PATIENCE_S = 0.5
LACKING_PATIENCE_S = 5.0


def application_of(pool: str) -> str:
    """Return the name of a pool's Serve application; a prefix keeps it apart from the gateway's."""
    return f"pool-{pool}"


class PoolTransport:
    """Reach the replicas of every pool over this gateway's links.

    A replica lost before its first data costs the request nothing but time: it is sent again. One lost later is
    replaced where another can go on from what was delivered (see ``resumable``); elsewhere the stream ends with
    EngineFailed, because that cannot be taken back. ``view`` returns the controller's word as long as it is fresh;
    ``failover`` may be set once what it needs exists.
    """

    def __init__(
        self,
        view: Callable[[], FleetView | None],
        links: Links,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._view, self._links, self._pause, self._clock = view, links, pause, clock
        self._picker = Picker()
        self.failover = Failover()

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream one answer from *pool*; raises a ServingError where there is none, or no rest of it."""
        course = Course(pool, request, self.failover)
        while True:
            replica = ""
            try:
                link, queued_s = await self._pick(pool, course, context)
                replica, sent_s = link.place.replica, self._clock()
                async with aclosing(link.stream(course.request, context)) as frames:
                    async for frame in frames:
                        timed = frame if frame.head is None else _timed(frame, sent_s=sent_s, queued_s=queued_s)
                        yield course.passing(timed)
            except ServingError as error:
                if course.whole:
                    return
                if not replica or not self._goes_on(course, error, pool, replica):
                    told = course.told(error)
                    try:
                        if told is error:
                            raise
                        raise told from error
                    finally:
                        del told  # or the error's traceback would hold this frame, with the body, and the frame it
                log.warning("resend request=%s pool=%s replica=%s reason=%s", context.call_id, pool, replica, error)
                await self._pause(course.pause_s)
            else:
                return

    def _goes_on(self, course: Course, error: ServingError, pool: str, replica: str) -> bool:
        if not isinstance(error, EngineFailed | Overloaded):
            return False
        return course.goes_on(error, replica, others=len(self._links.of(pool)) > 1)

    async def _pick(self, pool: str, course: Course, context: Context) -> tuple[Link, float]:
        """Return a link to send the call over and the seconds for which none was there, or none that serves it."""
        began_s, waited_s, request = self._clock(), 0.0, course.request
        lacking_since_s: float | None = None
        while True:
            links = self._links.of(pool)
            able = [link for link in links if _serves(link, request)]
            if able:
                chosen = course.preferred([link.place.replica for link in able])
                sound = [link for link in able if link.place.replica in chosen]
                return self._picker.pick(staying(sound, self._parked(pool)), request, context), waited_s
            now_s = self._clock()
            waited_s = now_s - began_s
            # A pool that has to start first is not one whose replicas lack something.
            lacking_since_s = (lacking_since_s or now_s) if links or request.replica else None
            self._give_up(pool, request, context, lacking_s=now_s - (lacking_since_s or now_s))
            await self._links.change(PATIENCE_S)

    def _parked(self, pool: str) -> Collection[str]:
        view = self._view()
        state = view.pools.get(pool) if view is not None else None
        return state.parked if state is not None else ()

    def _give_up(self, pool: str, request: Request, context: Context, *, lacking_s: float) -> None:
        """Raise what the client is told when waiting makes no sense, or not any longer.

        *lacking_s* is for how long there have been replicas that lack what the request needs.
        """
        view = self._view()
        if context.deadline_s <= self._clock():
            told = "the request's time was over before a replica took it"
            raise DeadlineExceeded(told, retry_after_s=waking_s(pool, view))
        if request.replica and (lacking_s > LACKING_PATIENCE_S or not _listed(view, pool, request.replica)):
            raise NotFound(f"the replica of {pool} that kept this is gone, and what it kept with it")
        if request.adapter and lacking_s > LACKING_PATIENCE_S:
            raise NoReplica(f"no replica of {pool} holds the adapter {request.adapter!r} yet", retry_after_s=5.0)
        hopeless = refusal(pool, view)
        if hopeless is not None:
            try:
                raise hopeless
            finally:
                del hopeless  # for the same reason


def _listed(view: FleetView | None, pool: str, replica: str) -> bool:
    """Say whether the replica is known to be there, although there may be no connection to it at this moment."""
    state = view.pools.get(pool) if view is not None else None
    return state is not None and any(place.replica == replica for place in state.replicas)


def _serves(link: Link, request: Request) -> bool:
    place = link.place
    if request.replica and place.replica != request.replica:
        return False
    return not request.adapter or request.adapter in place.adapters


def _timed(frame: Frame, *, sent_s: float, queued_s: float) -> Frame:
    head = msgspec.structs.replace(frame.head, sent_s=sent_s, queued_s=queued_s)  # type: ignore[type-var]
    return msgspec.structs.replace(frame, head=head)
