"""What an engine says about one request while its answer is being rendered elsewhere."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from deployments.engines.vllm_shares import CallShares
from deployments.request import Resume
from deployments.standing import ALONE, Standing


@dataclass(slots=True, kw_only=True)
class Watch:
    """Token counts over all choices and prompts of a request, and its times in seconds.

    ``first`` is set once the engine has produced a token, whether or not the answer is streamed, and ``progress``
    whenever ``tokens`` has grown and more are to come. ``traced`` and ``judged`` say whether the first choice's tokens
    and their probabilities are wanted.

    With ``resume`` the answer began elsewhere, and ``own`` says whether with this engine's tokens. While ``replaying``
    what is rendered was delivered before; ``detokenizer`` is one that has read it.

    ``standing`` is that of the tenant for whom the engine works, ``priority`` its request's among others. ``shares``
    are what its sequences owe.
    """

    standing: Standing = ALONE
    priority: int = 0
    shares: CallShares | None = None
    traced: bool = False
    judged: bool = False
    resume: Resume | None = None
    own: bool = False
    replaying: bool = False
    detokenizer: Any = None
    claimed: bool = False
    prompt_tokens: int = 0
    tokens: int = 0
    queue_s: float | None = None
    ttft_s: float | None = None
    first: asyncio.Event = field(default_factory=asyncio.Event)
    progress: asyncio.Event = field(default_factory=asyncio.Event)
    _ids: list[int] = field(default_factory=list)
    _logprob: float = 0
    _margin: float = 0

    def begin(self, *, prompt_tokens: int, queue_s: float | None, ttft_s: float | None) -> None:
        """Note the first token of one prompt; the times are those of the first prompt."""
        self.prompt_tokens += prompt_tokens
        if not self.first.is_set():
            self.queue_s, self.ttft_s = queue_s, ttft_s
            self.first.set()

    def claim(self) -> bool:
        """Say whether the caller is the first of a request's sequences to ask."""
        first, self.claimed = not self.claimed, True
        return first

    def trace(self, ids: list[int]) -> None:
        """Note tokens of the first choice."""
        self._ids += ids

    def judge(self, logprob: float, margin: float) -> None:
        """Add to the first choice's sums."""
        self._logprob += logprob
        self._margin += margin

    def taken(self) -> tuple[tuple[int, ...], float, float]:
        """Return the ids, log-probabilities and margins since the last time."""
        told = tuple(self._ids), self._logprob, self._margin
        self._ids, self._logprob, self._margin = [], 0, 0
        return told


# The serving layer between the request and the engine knows nothing of a watch, but runs in the request's context.
WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)
