"""How many levels of summaries a long text takes, and how many tokens each summary may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Less than this says nothing of a part.
LEAST_SUMMARY = 12
MOST_RATIO = 0.5
_TRIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One round: a summary of each of ``groups``, which are runs of the round before, each of at most ``caps``."""

    groups: tuple[range, ...]
    caps: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """All rounds, and the tokens kept back for what is written in the end; ``ratio`` is the one that is held."""

    levels: tuple[Level, ...]
    writing: int
    ratio: float

    @property
    def summaries(self) -> int:
        """Count the summaries of all levels."""
        return sum(len(level.groups) for level in self.levels)

    @property
    def tokens(self) -> int:
        """Return the most tokens that all of it generates."""
        return self.writing + sum(sum(level.caps) for level in self.levels)


def outline(sizes: Sequence[int], *, room: int, ratio: float, budget: int, writing: int) -> Outline | None:
    """Plan for parts of *sizes* tokens, each at most *room*; None where *budget* tokens cannot do it.

    Each round's summaries take at most *ratio* of what it reads, less where the budget asks for it; rounds end when the
    summaries fit *room*. *writing* tokens of the budget are not for summaries.
    """
    for _ in range(_TRIES):
        planned = Outline(levels=_levels(sizes, room, ratio), writing=writing, ratio=ratio)
        if any(_starved(level) for level in planned.levels):
            return None
        if planned.tokens <= budget:
            return planned
        ratio *= min(0.98, max(0, budget - writing) / (planned.tokens - writing))
    return None


def least(tokens: int, *, room: int) -> int:
    """Return the fewest tokens of summaries with which any plan for a text of *tokens* could do; see `outline`."""
    return _least_of(-(-tokens // room))


def _levels(sizes: Sequence[int], room: int, ratio: float) -> tuple[Level, ...]:
    first = Level(groups=tuple(range(at, at + 1) for at in range(len(sizes))), caps=_caps(sizes, ratio))
    levels = [first]
    while sum(levels[-1].caps) > room:
        groups = _runs(levels[-1].caps, room)
        read = [sum(levels[-1].caps[group.start : group.stop]) for group in groups]
        levels.append(Level(groups=groups, caps=_caps(read, ratio)))
    return tuple(levels)


def _caps(sizes: Sequence[int], ratio: float) -> tuple[int, ...]:
    return tuple(max(1, int(ratio * size)) for size in sizes)


def _runs(caps: Sequence[int], room: int) -> tuple[range, ...]:
    """Return runs of summaries that fit *room* together; at least two fit, since none has more than half of it."""
    runs: list[range] = []
    start = held = 0
    for at, cap in enumerate(caps):
        if held + cap > room:
            runs.append(range(start, at))
            start, held = at, 0
        held += cap
    return (*runs, range(start, len(caps)))


def _starved(level: Level) -> bool:
    """Say whether the summaries would be too short to say anything; one of them may be of a short rest."""
    return sum(level.caps) < _least_of(len(level.caps))


def _least_of(summaries: int) -> int:
    return LEAST_SUMMARY * max(1, summaries - 1)
