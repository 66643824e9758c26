"""redact: personal data does not reach the model, and the answer is given as if it had; or does not leave in answers.

What is found depends on the text alone, never on the frames in which it streams. Placeholders such as ``<EMAIL_1>`` are
of one request and forgotten with it; ``[EMAIL]`` stands for good in what a model has said.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from deployments.errors import ContentRefused
from deployments.graph.closing import closing
from deployments.graph.kind import Kind, Plan
from deployments.graph.node import Node
from deployments.graph.rewriting.alone import passing, without_tokens
from deployments.graph.rewriting.answer import Rewriting
from deployments.graph.rewriting.prompt import readable, texts_of
from deployments.graph.speaking import SPOKEN
from deployments.graph.subject import Subject
from deployments.graph.wiring import Wiring
from deployments.nodes.redact.inward import Restoring, found_in, masked, untouched
from deployments.nodes.redact.outward import Flagging, Masking
from deployments.nodes.redact.spec import RedactSpec
from deployments.request import Context, Frame, Request

# Beside those that answer in words, rankings repeat the texts that they rank.
_REPEATING = SPOKEN | {"rerank"}
# What takes longer to search than a stream should wait for.
_LONG_CHARS = 4000

Found = TypeVar("Found")
Search = Callable[[Request, Collection[str]], Found]


@dataclass(frozen=True, slots=True)
class Redact:
    """Stands between the caller and one target."""

    name: str
    spec: RedactSpec
    wiring: Wiring

    def __call__(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream the target's answer."""
        return self._inward(request, context) if self.spec.direction == "input" else self._outward(request, context)

    async def _inward(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        answer: Rewriting | None = None
        if self.spec.action == "mask":
            readable(request, self.name)
            request, vault = await _apart_if_long(masked, passing(request, self.name), self.spec.entities)
            found = vault.counts
            if vault and request.endpoint in _REPEATING:
                answer = Rewriting(
                    request.endpoint, stream=request.stream, writing=Restoring(vault), untouched=untouched
                )
        else:
            found = dict.fromkeys(await self._searched(request), 1)
        for kind in found:
            self.wiring.meters.screened(self.name, kind, self.spec.action)
        note = ", ".join(f"{kind}={count}" for kind, count in sorted(found.items()))
        async with aclosing(self._answered(request, context, answer)) as frames:
            async for frame in frames:
                told = bool(note) and frame.head is not None
                yield replace(frame, head=frame.head.noting("redacted", note)) if told and frame.head else frame

    async def _searched(self, request: Request) -> dict[str, str]:
        """Return what is found; raises ContentRefused where that is to end the request."""
        if self.spec.action == "block":
            readable(request, self.name)
        found = await _apart_if_long(found_in, request, self.spec.entities)
        if found and self.spec.action == "block":
            for kind in found:
                self.wiring.meters.screened(self.name, kind, "block")
            kind, field = min(found.items())
            raise ContentRefused(f"{field}: holds what looks like personal data ({kind}); leave it out", param=field)
        return found

    async def _outward(self, request: Request, context: Context) -> AsyncGenerator[Frame]:
        answer: Rewriting | None = None
        if request.endpoint in SPOKEN:
            if self.spec.action != "flag":
                request = without_tokens(passing(request, self.name), self.name)
            begun = Flagging if self.spec.action == "flag" else Masking
            answer = Rewriting(request.endpoint, stream=request.stream, writing=begun(self.spec.entities, self._seen))
        async with aclosing(self._answered(request, context, answer)) as frames:
            async for frame in frames:
                yield frame

    def _seen(self, kind: str) -> None:
        self.wiring.meters.screened(self.name, kind, self.spec.action)
        if self.spec.action == "block":
            raise ContentRefused(f"the answer holds what looks like personal data ({kind})")

    async def _answered(self, request: Request, context: Context, answer: Rewriting | None) -> AsyncGenerator[Frame]:
        with self.wiring.edge(self.name, self.spec.redact):
            async with closing(self.wiring.node(self.spec.redact)(request, context.enter(self.name))) as frames:
                async for frame in frames:
                    yield frame if answer is None else answer.frame(frame)
            last = None if answer is None else answer.end()
            if last is not None:
                yield last


async def _apart_if_long(search: Search[Found], request: Request, kinds: Collection[str]) -> Found:
    """Return what *search* does; of a long request in a thread, so that other streams go on meanwhile."""
    if sum(len(one.text) for one in texts_of(request)) < _LONG_CHARS:
        return search(request, kinds)
    return await asyncio.to_thread(search, request, kinds)


def plan(spec: RedactSpec, subject: Subject) -> Plan:
    """Say what is looked for, and what the prompt holds of it."""
    if spec.direction == "output":
        why = f"looks for {', '.join(spec.entities)} in the answer, to {spec.action} it"
    else:
        found = sorted(found_in(subject.request, spec.entities))
        why = f"{spec.action}s {', '.join(found)} in the prompt" if found else "finds nothing personal in the prompt"
    return Plan(order=(spec.redact,), why=(why,))


def build(name: str, spec: RedactSpec, wiring: Wiring) -> Node:
    """Return the node that redacts."""
    return Redact(name, spec, wiring)


KIND = Kind(spec=RedactSpec, build=build, plan=plan)
