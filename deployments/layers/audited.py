"""audited: have every request recorded, durably, before it is acknowledged.

A stream is acknowledged by its end: what comes from the reason to end on is held back until the record is on the disk.
An answer that is not streamed is held back whole. Whoever leaves early, and whatever fails, is recorded as well, and
nobody waits for that.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from deployments.audit.audit import Audit
from deployments.audit.committer import Entry, size_of
from deployments.audit.heard import Facts, Taken
from deployments.errors import DeadlineExceeded, Rejected, ServingError
from deployments.graph.closing import closing
from deployments.graph.node import Layer, Node
from deployments.request import Context, Frame, Request
from deployments.telemetry.records import CANCELLED, OK


def audited(audit: Audit, facts: Facts, clock: Callable[[], float] = time.monotonic) -> Layer:
    """Return the layer; *clock* is monotonic."""

    def layer(inner: Node) -> Node:
        async def recorded(request: Request, context: Context) -> AsyncGenerator[Frame]:
            audit.admit()
            taken = Taken(request, context, audit.settings, clock)
            held: list[Frame] = []
            entry: Entry | None = None
            try:
                inside = replace(context, chose=taken.chose, unseen=taken.unseen)
                async with closing(inner(request, inside)) as frames:
                    async for frame in frames:
                        taken.saw(frame)
                        if held or (frame.data and (not request.stream or frame.finish_reason is not None)):
                            held.append(frame)
                        else:
                            yield frame
                taken.end(OK)
                entry = _kept(audit, taken, facts)
            except ServingError as error:
                taken.end(error.code)
                if taken.answered or not isinstance(error, Rejected):  # of what never began there is nothing to tell
                    entry = _kept(audit, taken, facts)
                raise
            except Exception:
                taken.end(ServingError.code)
                raise
            finally:
                if entry is None and taken.answered:
                    late = taken.outcome == CANCELLED and clock() >= context.deadline_s
                    taken.end(DeadlineExceeded.code if late else taken.outcome)
                    entry = _kept(audit, taken, facts)
            await audit.settled(entry)
            for frame in held:
                yield frame

        return recorded

    return layer


def _kept(audit: Audit, taken: Taken, facts: Facts) -> Entry:
    return audit.record(lambda: taken.record(facts), size_of(taken.size))
