"""The edges that an answer came over, read off its path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def hand_overs(path: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield node and target of each hand-over; a branch that failed, ``name!code``, handed nothing over."""
    before: str | None = None
    for step in path:
        if "!" in step:
            continue
        if before is not None:
            yield before, step
        before = step
