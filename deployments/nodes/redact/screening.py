"""What the way in comes to for one request: the request that goes on, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from deployments.errors import BodyTooLarge, ContentRefused
from deployments.graph.closing import closing
from deployments.graph.meters import Meters
from deployments.graph.node import Node
from deployments.graph.rewriting.alone import passing
from deployments.graph.rewriting.answer import Rewriting
from deployments.graph.rewriting.apart import Found, length_of, searched
from deployments.graph.rewriting.prompt import Prompted, readable, texts_of
from deployments.graph.speaking import SPOKEN
from deployments.nodes.redact.inward import Restoring, Search, found_in, masked, untouched
from deployments.nodes.redact.spec import Action
from deployments.pii.names import BesideNames, KnownNames
from deployments.pii.scanner import Scanner
from deployments.request import Context, Frame, Request

# Beside those that answer in words, rankings repeat the texts that they rank.
_REPEATING = SPOKEN | {"rerank"}
# What takes longer to search than a stream should wait for: a column of digits takes some 10 µs a character.
_LONG_CHARS = 500
# What takes longer than other long requests should wait for.
MOST_CHARS = 1_000_000
_NOTE = "redacted"
_UNKNOWN = "NAME=?"

Work = Callable[[Sequence[Prompted], Search], Found]
# Returns the names of people in a request, None where nobody could tell.
Naming = Callable[[Request], Awaitable[Sequence[str] | None]]


async def unnamed(request: Request) -> Sequence[str]:  # noqa: ARG001
    """Look for no names."""
    return ()


class Screened(NamedTuple):
    """A request as it goes on, what rewrites its answer where something does, and what was found."""

    request: Request
    answer: Rewriting | None
    note: str

    def noted(self, frame: Frame) -> Frame:
        """Return *frame*, whose head, if it has one, says what was found; by an inner redaction as well."""
        if not self.note or frame.head is None:
            return frame
        inner = frame.head.notes.get(_NOTE)
        note = f"{self.note}, {inner}" if inner else self.note
        return replace(frame, head=frame.head.noting(_NOTE, note))


@dataclass(frozen=True, slots=True)
class Screen:
    """Takes what is personal out of requests, or refuses them; *name* is who is said to do so."""

    name: str
    action: Action
    entities: tuple[str, ...]
    meters: Meters

    async def screened(self, request: Request, naming: Naming = unnamed) -> Screened:
        """Return what goes on; raises ContentRefused for what blocks it, Invalid for what cannot be searched."""
        answer: Rewriting | None = None
        if self.action != "flag":
            readable(request, self.name)
        if self.action == "mask":
            request = passing(request, self.name)
        names = await naming(request)
        search = self._searching(names or ())
        if self.action == "mask":
            request, vault = await self._search(partial(masked, request), request, search)
            found = vault.counts
            if vault and request.endpoint in _REPEATING:
                answer = Rewriting(
                    request.endpoint, stream=request.stream, writing=Restoring(vault), untouched=untouched
                )
        else:
            found = dict.fromkeys(await self._searched(request, search), 1)
        for kind in found:
            self.meters.screened(self.name, kind, self.action)
        told = [f"{kind}={count}" for kind, count in sorted(found.items())]
        return Screened(request, answer, ", ".join(told if names is not None else [*told, _UNKNOWN]))

    def _searching(self, names: Sequence[str]) -> Search:
        return partial(BesideNames, self.entities, KnownNames(names)) if names else partial(Scanner, self.entities)

    async def _searched(self, request: Request, search: Search) -> dict[str, str]:
        """Return what is found; raises ContentRefused where that is to end the request."""
        found = await self._search(found_in, request, search)
        if found and self.action == "block":
            for kind in found:
                self.meters.screened(self.name, kind, "block")
            kind, field = min(found.items())
            raise ContentRefused(f"{field}: holds what looks like personal data ({kind}); leave it out", param=field)
        return found

    async def _search(self, work: Work[Found], request: Request, search: Search) -> Found:
        texts = texts_of(request)
        length = length_of(texts)
        if length > MOST_CHARS:
            told = f"{length} characters are too many for {self.name}, which searches {MOST_CHARS} at most"
            raise BodyTooLarge(f"{told}; send less text")
        return await searched(lambda: work(texts, search), length, at_once=_LONG_CHARS)


async def relayed(
    node: Node, screened: Screened, context: Context, edge: AbstractContextManager[None]
) -> AsyncGenerator[Frame]:
    """Stream what *node* answers to what was *screened*, rewritten where something rewrites it, within *edge*."""
    answer = screened.answer
    with edge:
        async with closing(node(screened.request, context)) as frames:
            async for frame in frames:
                yield screened.noted(frame if answer is None else answer.frame(frame))
        last = None if answer is None else answer.end()
        if last is not None:
            yield last
