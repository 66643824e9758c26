"""What became of each part of a long text, and how it is told to the client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What was made of the source's bytes from ``start`` to ``end``; ``lost`` is an error's code where nothing was.

    ``of`` are the summaries that it sums up, none where it was made of the source itself.
    """

    start: int
    end: int
    text: str = ""
    lost: str = ""
    of: tuple[Summary, ...] = ()


def left_out(summaries: Sequence[Summary]) -> Iterator[Summary]:
    """Yield the parts of the source that are in none of *summaries*."""
    for summary in summaries:
        if summary.of and not summary.lost:
            yield from left_out(summary.of)
        elif summary.lost:
            yield summary


def provenance(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """Return the summaries as JSON data, each with its bytes of the source and what it was made of."""
    return [_entry(summary) for summary in summaries]


def _entry(summary: Summary) -> dict[str, Any]:
    entry: dict[str, Any] = {"span": [summary.start, summary.end]}
    entry |= {"left_out": summary.lost} if summary.lost else {"summary": summary.text}
    return entry | ({"of": provenance(summary.of)} if summary.of else {})
