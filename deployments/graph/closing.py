"""Close a stream on the way out, whatever kind of async iterator it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext

from deployments.request import Frame


def closing(frames: AsyncIterator[Frame]) -> AbstractAsyncContextManager[AsyncIterator[Frame]]:
    """Yield *frames* and close it afterwards, which cancels everything below it."""
    return aclosing(frames) if hasattr(frames, "aclose") else nullcontext(frames)  # type: ignore[type-var]
