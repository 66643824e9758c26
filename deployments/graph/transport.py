"""How a model node reaches its pool: in this process, over Ray, or over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from deployments.request import Context, Frame, Request


class Transport(Protocol):
    """Streams a request's answer from whichever replica of a pool it chooses.

    Raises Rejected where no replica takes the request and EngineFailed where the one that took it broke. Closing the
    stream cancels the request on the replica.
    """

    def stream(self, pool: str, request: Request, context: Context) -> AsyncIterator[Frame]: ...


@runtime_checkable
class Leaving(Protocol):
    """A transport some of whose models are other servers'; one that is none reaches engines of this cluster alone."""

    def leaves(self, pool: str) -> bool:
        """Say whether what is sent to *pool* leaves the cluster."""
        ...
