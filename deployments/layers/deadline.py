"""deadline: bound every wait for a frame by the request's own deadline."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from deployments.errors import DeadlineExceeded
from deployments.graph.alarm import Alarm
from deployments.graph.closing import closing
from deployments.graph.node import Layer, Node
from deployments.request import Context, Frame, Request


def deadline(clock: Callable[[], float] = time.monotonic) -> Layer:
    """Return the layer; *clock* is the one that ``deadline_s`` of the context is read on."""

    def layer(inner: Node) -> Node:
        async def bounded(request: Request, context: Context) -> AsyncGenerator[Frame]:
            alarm = Alarm(context.deadline_s - clock())
            try:
                async with closing(inner(request, context)) as frames:
                    while (frame := await _within(alarm, frames)) is not None:
                        yield frame
            finally:
                alarm.close()

        return bounded

    return layer


async def _within(alarm: Alarm, frames: AsyncIterator[Frame]) -> Frame | None:
    try:
        with alarm:
            return await anext(frames, None)
    except TimeoutError as error:
        if not alarm.rung:
            raise
        raise DeadlineExceeded("the request's time is over") from error
