"""How often a semantic cache answers rightly and wrongly, for each threshold: the cache's own index and rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from benchmarks.semantic_pairs import Pair
from deployments.answers.kept import Kept, Since
from deployments.answers.neighbours import Direction, Neighbours
from deployments.nodes.cache.question import canonical
from deployments.nodes.cache.semantic import SAME
from deployments.nodes.cache.spec import Same
from deployments.request import Head

_KEPT = Kept(
    head=Head(model="dense", path=()), frames=(), fresh_until_s=0.0, until_s=0.0, since=Since("", 0), labels=()
)
_Z = 1.96


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Of *asked* questions, those that were given a kept answer."""

    given: int
    asked: int

    @property
    def share(self) -> float:
        """Return the part of them."""
        return self.given / self.asked if self.asked else 0.0

    @property
    def at_most(self) -> float:
        """Return the upper end of Wilson's 95 % interval."""
        if not self.asked:
            return 1.0
        n, p = self.asked, self.share
        middle, half = p + _Z**2 / (2 * n), _Z * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return (middle + half) / (1 + _Z**2 / n)


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One threshold: ``hits`` are right answers to paraphrases, ``wrong`` answers to other questions, by kind."""

    language: str
    same: Same
    at_least: float
    hits: Mapping[str, Rate]
    wrong: Mapping[str, Rate]
    strayed: int


@dataclass(frozen=True, slots=True)
class Store:
    """All first questions in one partition, as if one tenant had asked them, with the vectors of all texts."""

    pairs: Sequence[Pair]
    directions: Mapping[str, Direction]
    same: Same

    def point(self, language: str, at_least: float) -> Point:
        """Ask every second question of one *language*, or with "" of all."""
        held = self._held()
        hits, wrong, strayed = dict[str, Rate](), dict[str, Rate](), 0
        for pair in self.pairs:
            if language in ("", pair.language):
                near = held.near(b"", self.directions[pair.second], self._told(pair.second), at_least)
                found = near[0].key.decode() if near else None
                right = found == pair.first if pair.same else found is not None
                strayed += pair.same and found is not None and not right
                table = hits if pair.same else wrong
                table[pair.kind] = _counted(table.get(pair.kind), given=right)
        return Point(
            language=language, same=self.same, at_least=at_least, hits=hits, wrong=wrong, strayed=strayed
        )  # fmt: skip

    def _held(self) -> Neighbours:
        held = Neighbours(2**30)
        for pair in self.pairs:
            held.put(b"", pair.first.encode(), self.directions[pair.first], self._told(pair.first), _KEPT)
        return held

    def _told(self, text: str) -> tuple[str, ...]:
        return SAME[self.same](canonical(text))


def total(rates: Iterable[Rate]) -> Rate:
    """Return all of them as one."""
    every = list(rates)
    return Rate(given=sum(one.given for one in every), asked=sum(one.asked for one in every))


def _counted(rate: Rate | None, *, given: bool) -> Rate:
    rate = rate or Rate(given=0, asked=0)
    return Rate(given=rate.given + given, asked=rate.asked + 1)
