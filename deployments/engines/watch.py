"""What an engine says about one request while its answer is being rendered elsewhere."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Watch:
    """Token counts over all choices and prompts of a request, and its times in seconds.

    ``first`` is set once the engine has produced a token, whether or not the answer is streamed.
    """

    prompt_tokens: int = 0
    tokens: int = 0
    queue_s: float | None = None
    ttft_s: float | None = None
    first: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, *, prompt_tokens: int, queue_s: float | None, ttft_s: float | None) -> None:
        """Note the first token of one prompt; the times are those of the first prompt."""
        self.prompt_tokens += prompt_tokens
        if not self.first.is_set():
            self.queue_s, self.ttft_s = queue_s, ttft_s
            self.first.set()


# The serving layer between the request and the engine knows nothing of a watch, but runs in the request's context.
WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)
