"""The section of a cache node."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from deployments.answers.kept import MOST_S
from deployments.graph.capability import Need
from deployments.graph.kind import KindSpec
from deployments.nodes.cache.asked import is_tag
from deployments.quantities import Bytes, Seconds
from deployments.strict import Loc, Strict, fail, problem

# What programs say of themselves. A graph that chooses by one of them sets `ignore_headers` to a list without it.
_OF_THE_PROGRAM = ("accept", "accept-encoding", "accept-language", "content-type", "user-agent")


Same = Literal["words", "particulars", "nothing"]


class SemanticSpec(Strict):
    """Answers to nearly the same question: of the pooling *model*'s vectors, the cosine must be *at_least* so much.

    There is no right value for every model and every use: benchmarks/results/semantic_cache.md shows what one costs.
    Vectors alone see little of what makes a question another: the ``same`` must be its ``words``, those that say what
    it is about, or at least its ``particulars`` (numbers, names, negations, opposites), or ``nothing``. What is asked
    last is compared, where it has at most *longest* characters; all else of the request must be equal. Without a vector
    within *wait* the answer is made. *memory* bounds what is remembered of questions.
    """

    model: str = Field(min_length=1)
    at_least: float = Field(gt=0, le=1)
    same: Same = "words"
    longest: int = Field(default=400, ge=1, le=100_000, strict=True)
    wait: Seconds = Field(default=0.1, gt=0, le=5)
    memory: Bytes = Field(default=32 * 2**20, ge=2**20)


class CacheSpec(KindSpec):
    """One target, whose answers are given again to the same request of the same tenant for *ttl*.

    For another *stale* the old answer is given once more while a new one is made. An answer of more than *largest*
    bytes is not kept. Only what is the same each time is kept (temperature 0, a seed, vectors and counts), with
    ``any`` everything. Answers can be forgotten by their ``tags``. ``ignore_headers`` lists headers that nothing
    further down chooses by. With ``semantic`` nearly the same question is enough.
    """

    cache: str = Field(min_length=1)
    ttl: Seconds = Field(default=3600.0, gt=0, le=MOST_S / 2)
    stale: Seconds = Field(default=0.0, ge=0, le=MOST_S / 2)
    largest: Bytes = Field(default=2**20, gt=0)
    any: bool = Field(default=False, strict=True)
    tags: tuple[str, ...] = Field(default=(), max_length=8)
    ignore_headers: tuple[str, ...] = _OF_THE_PROGRAM
    semantic: SemanticSpec | None = None

    @field_validator("tags", mode="after")
    @classmethod
    def _are_tags(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        fail("tags", [
            problem((at,), "tag", "is not a tag: up to 64 letters, digits and ._:/-", tag)
            for at, tag in enumerate(tags) if not is_tag(tag)
        ])  # fmt: skip
        return tags

    @field_validator("ignore_headers", mode="after")
    @classmethod
    def _lower(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.lower() for name in names)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one target, then the model of vectors."""
        helper = [] if self.semantic is None else [(("semantic", "model"), self.semantic.model)]
        return [(("cache",), self.cache), *helper]

    def answering(self) -> list[str]:
        """Return the one target."""
        return [self.cache]

    def needs(self) -> list[Need]:
        """Need vectors of whoever compares, and words of whoever is compared."""
        if self.semantic is None:
            return []
        return [Need(self.semantic.model, "vectors", ("semantic", "model")), Need(self.cache, "text", ("semantic",))]
