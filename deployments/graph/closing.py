"""Close a stream on the way out, whatever kind of async iterator it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deployments.request import Frame


@asynccontextmanager
async def closing(frames: AsyncIterator[Frame]) -> AsyncIterator[AsyncIterator[Frame]]:
    """Yield *frames* and close it afterwards, which cancels everything below it."""
    try:
        yield frames
    finally:
        close = getattr(frames, "aclose", None)
        if close is not None:
            await close()
