"""Answers to nearly the same question, by the vectors of an embedding model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deployments.answers.kept import Kept
from deployments.answers.neighbours import Direction, Near, Neighbours, direction_of
from deployments.graph.breaker import Breaker
from deployments.graph.embedding import Embedding
from deployments.graph.wiring import Wiring
from deployments.nodes.cache.particulars import particulars
from deployments.nodes.cache.question import question_of
from deployments.nodes.cache.spec import CacheSpec, Same, SemanticSpec
from deployments.nodes.cache.wording import wording
from deployments.nodes.coalesce.key import key_of
from deployments.request import Context, Request

# What must be the same in two questions, by what the section says of it.
SAME: Mapping[Same, Callable[[str], tuple[str, ...]]] = {
    "words": wording,
    "particulars": particulars,
    "nothing": lambda _: (),
}
# How many answers are looked for that were there and may be gone.
_TRIED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: where its likes are, and what it is compared by."""

    part: bytes
    direction: Direction
    same: tuple[str, ...]


@dataclass(slots=True)
class _Learned:
    """What outlives a graph."""

    breaker: Breaker = field(default_factory=Breaker)


class Semantic:
    """Compares what is asked last; all else must be the same, and the same tenant's.

    *target* is what the answers depend on beside the request, *without* the headers that do not count.
    """

    def __init__(
        self, name: str, cache: CacheSpec, spec: SemanticSpec, wiring: Wiring, *, target: bytes, without: frozenset[str]
    ) -> None:
        self._cache, self._spec, self._wiring = cache, spec, wiring
        self._target, self._without = target, without
        model = wiring.identity(spec.model)
        learned = wiring.remembered(f"semantic cache {name} by {model}", _Learned, _Learned)
        self._embedding = Embedding(
            name=name, role="semantic", model=spec.model, wiring=wiring, breaker=learned.breaker
        )  # fmt: skip
        self._neighbours: Neighbours = wiring.answers.neighbours(name, f"{model} {spec.same}", spec.memory)

    async def asked(self, request: Request, context: Context) -> Question | None:
        """Return what the question of *request* is compared by; None where it cannot be, or not in time."""
        found = question_of(request, self._spec.longest)
        if found is None:
            return None
        text, rest = found
        part = key_of(rest, context, sampled=self._cache.any, without=self._without)
        if part is None:
            return None
        vectors = await self._embedding.vectors([text], context, self._spec.wait)
        direction = None if vectors is None else direction_of(tuple(vectors[0]))
        if direction is None:
            return None
        return Question(
            part=hashlib.blake2b(part + self._target, digest_size=32).digest(),
            direction=direction,
            same=SAME[self._spec.same](text),
        )

    async def find(self, asked: Question, now_s: float) -> tuple[Near, Kept] | None:
        """Return the nearest answer that is near enough and fresh."""
        near = self._neighbours.near(asked.part, asked.direction, asked.same, self._spec.at_least)
        for one in near[:_TRIED]:
            kept = await self._wiring.answers.find(one.key, now_s)
            if kept is not None and now_s < kept.fresh_until_s:
                return one, kept
            if kept is None:
                self._neighbours.drop(asked.part, one.key)
        return None

    def keep(self, key: bytes, asked: Question, kept: Kept) -> None:
        """Remember the question whose answer was *kept*."""
        self._neighbours.put(asked.part, key, asked.direction, asked.same, kept)
