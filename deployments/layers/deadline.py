"""deadline: bound every wait for a frame by the request's own deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

from deployments.errors import DeadlineExceeded
from deployments.graph.closing import closing
from deployments.graph.node import Layer, Node
from deployments.request import Context, Frame, Request


def deadline(clock: Callable[[], float] = time.monotonic) -> Layer:
    """Return the layer; *clock* is the one that ``deadline_s`` of the context is read on."""

    def layer(inner: Node) -> Node:
        async def bounded(request: Request, context: Context) -> AsyncGenerator[Frame]:
            async with closing(inner(request, context)) as frames:
                while True:
                    try:
                        async with asyncio.timeout(context.deadline_s - clock()) as wait:
                            frame = await anext(frames)
                    except StopAsyncIteration:
                        return
                    except TimeoutError as error:
                        if not wait.expired():
                            raise
                        raise DeadlineExceeded("the request's time is over") from error
                    yield frame

        return bounded

    return layer
