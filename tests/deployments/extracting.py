"""Pools that answer with what they were given: the sentences with digits in them, as far as their tokens go."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from deployments.engines.synthetic_request import count_tokens, pieces
from deployments.errors import ContextTooLong, ServingError
from deployments.graph.speaking import Speaker
from deployments.graph.texts import texts
from deployments.request import Context, Frame, Head, Request

_SENTENCE = re.compile(r"[^.。\n]*\d[^.。\n]*[.。]")
# What the pool is asked to do, and how notes are numbered, is no part of what it is asked about.
_ASKED = re.compile(r"in at most \d+ words|不超过\d+个字|^\[\d+\] ", re.MULTILINE)


@dataclass(slots=True)
class Extracting:
    """A transport; *context* is how many tokens of prompt a pool takes, *fails* what is raised instead of an answer."""

    context: int = 4000
    fails: Callable[[str, str], ServingError | None] = lambda pool, prompt: None
    pause_s: float = 0.0
    generated: int = 0
    granted: list[int] = field(default_factory=list)
    asked: list[tuple[str, Request, Context]] = field(default_factory=list)
    running: int = 0
    most_running: int = 0

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Answer with extracted sentences, each once."""
        self.asked.append((pool, request, context))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.pause_s)
            for frame in self._frames(pool, request, context):
                yield frame
        finally:
            self.running -= 1

    def _frames(self, pool: str, request: Request, context: Context) -> list[Frame]:
        prompt = "\n".join(said.text for said in texts(request))
        if (error := self.fails(pool, prompt)) is not None:
            raise error
        read = count_tokens(prompt)
        if read > self.context:
            raise ContextTooLong(f"messages: {read} tokens do not fit {self.context}", param="messages")
        limit = next(
            int(request.body[name])
            for name in ("max_completion_tokens", "max_tokens", "max_output_tokens")
            if name in request.body
        )
        self.granted.append(limit)
        text, tokens = extract(prompt, limit)
        self.generated += tokens
        speaker = Speaker(request, context, model=pool)
        head = Head(model=pool, path=context.path, replica=f"{pool}#0")
        said = speaker.say(text, tokens=tokens)
        last = speaker.end(finish_reason="stop", prompt_tokens=read)
        first = Frame(data=said.data, text=said.text, tokens=said.tokens, head=head)
        return [first, last]


def extract(prompt: str, limit: int) -> tuple[str, int]:
    """Return the sentences of *prompt* that have digits, cut to *limit* tokens, and their number."""
    found = dict.fromkeys(one.strip() for one in _SENTENCE.findall(_ASKED.sub("", prompt)))
    text, tokens = "", 0
    for sentence in found or ["Nothing."]:
        size = len(pieces(sentence)) + 1
        if tokens + size > limit:
            break
        text, tokens = f"{text}{sentence} ", tokens + size
    return text.strip() or "-", max(1, tokens)
