"""audited: have every request recorded, durably, before it is acknowledged.

A stream is acknowledged by its end: what comes from the last reason to end on is held back until the record is on the
disk. An answer that is not streamed is held back whole. Whoever leaves early, and whatever fails, is recorded as well,
and nobody waits for that.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace

from deployments.audit.audit import Audit
from deployments.audit.committer import Entry, size_of
from deployments.audit.heard import Facts, Taken
from deployments.errors import DeadlineExceeded, Rejected, ServingError
from deployments.graph.closing import closing
from deployments.graph.node import Layer, Node
from deployments.request import Context, Frame, Request
from deployments.telemetry.records import CANCELLED, OK

Trail = Callable[[], Audit | None]


def audited(trail: Trail, facts: Facts, clock: Callable[[], float] = time.monotonic) -> Layer:
    """Return the layer; each request asks *trail* where it is recorded, which may be nowhere any more.

    *clock* is monotonic.
    """

    def layer(inner: Node) -> Node:
        def begun(request: Request, context: Context) -> AsyncIterator[Frame]:
            audit = trail()
            node = inner if audit is None else _recorded(inner, audit, facts, clock)
            return node(request, context)

        return begun

    return layer


def _recorded(inner: Node, audit: Audit, facts: Facts, clock: Callable[[], float]) -> Node:
    async def recorded(request: Request, context: Context) -> AsyncGenerator[Frame]:
        audit.admit()
        taken = Taken(request, context, audit.settings, clock)
        held = Held(request)
        entry: Entry | None = None
        with audit.owing():
            try:
                inside = replace(context, chose=taken.chose, unseen=taken.unseen, spent=taken.spent)
                async with closing(inner(request, inside)) as frames:
                    async for frame in frames:
                        taken.saw(frame)
                        for due in held.after(frame):
                            yield due
                taken.end(OK)
                entry = _kept(audit, taken, facts)
            except ServingError as error:
                taken.end(error.code)
                if taken.answered or not isinstance(error, Rejected):  # of what never began there is nothing to tell
                    entry = _kept(audit, taken, facts)
                raise
            except Exception:
                taken.end(ServingError.code)
                entry = _kept(audit, taken, facts)
                raise
            finally:
                if entry is None and taken.answered:
                    late = taken.outcome == CANCELLED and clock() >= context.deadline_s
                    taken.end(DeadlineExceeded.code if late else taken.outcome)
                    entry = _kept(audit, taken, facts)
        await audit.settled(entry)
        for frame in held.frames:
            yield frame

    return recorded


class Held:
    """What of an answer waits for its record: a whole one, and of a stream what begins with the last reason to end."""

    def __init__(self, request: Request) -> None:
        self._stream, self._several = request.stream, _several(request)
        self.frames: list[Frame] = []

    def after(self, frame: Frame) -> list[Frame]:
        """Return what is due once *frame* has come."""
        if not self.frames and (not frame.data or (self._stream and frame.finish_reason is None)):
            return [frame]
        # Where a choice goes on, another one's end was not the last; which frame is, only the next one shows.
        due: list[Frame] = []
        if self._several and self._stream and frame.tokens:
            due, self.frames = self.frames, due
        self.frames.append(frame)
        return due


def _several(request: Request) -> bool:
    """Say whether a request may have more than one choice: by ``n``, or by a list of prompts (OpenAI's API)."""
    prompt = request.body.get("prompt")
    prompts = isinstance(prompt, list) and len(prompt) > 1 and not isinstance(prompt[0], int)
    return prompts or request.body.get("n") not in (None, 1)


def _kept(audit: Audit, taken: Taken, facts: Facts) -> Entry:
    source = taken.source
    return audit.record(lambda: taken.record(facts), size_of(source if taken.full else 0), source)
