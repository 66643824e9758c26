"""Stale answers are made anew beside the requests that got them, each once at a time and not many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from deployments.errors import ServingError
from deployments.graph.wiring import Wiring
from deployments.nodes.cache.asked import Asked
from deployments.request import Context, Request, unheard, unspent, untold

LOWEST = -1000
_MOST = 16

Again = Callable[[bytes, Request, Context, Asked], Awaitable[int]]


class Revalidation:
    """Starts *again*, which makes an answer and has it kept; what goes wrong leaves the old answer where it is."""

    def __init__(self, name: str, wiring: Wiring, again: Again) -> None:
        self._name, self._wiring, self._again = name, wiring, again
        self._under_way: set[bytes] = set()

    def start(self, key: bytes, request: Request, context: Context, told: Asked) -> None:
        """Begin, unless the same is under way or too much is; nobody asked for it, so that nobody is charged."""
        if key in self._under_way or len(self._under_way) >= _MOST:
            return
        ours = replace(
            context.fork(f"anew-{self._name}"),
            priority=LOWEST,
            charged=False,
            spent=unspent,
            chose=unheard,
            unseen=untold,
            span=None,
        )
        self._under_way.add(key)
        if not self._wiring.background.start(self._run(key, request, ours, told), name="stale answer made anew"):
            self._under_way.discard(key)

    async def _run(self, key: bytes, request: Request, context: Context, told: Asked) -> None:
        try:
            async with asyncio.timeout(max(0.0, context.deadline_s - self._wiring.clock())):
                tokens = await self._again(key, request, context, told)
            self._wiring.hidden(self._name, tokens)
        except (ServingError, TimeoutError):
            return
        finally:
            self._under_way.discard(key)
