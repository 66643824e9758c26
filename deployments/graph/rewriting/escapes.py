"""Text that is JSON source, read as what it says: the arguments of a tool call, as they stream.

An address may be written ``bob\\u0040example.com``, and a number may stand behind a ``\\n`` whose letter is no part
of it.
"""

from __future__ import annotations

import re
from collections import deque
from typing import NamedTuple

from deployments.finding import Finder, Segment

_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|[^u])", re.DOTALL)
_BEGUN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_MEANS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LONGEST = 6


def meant(source: str) -> str:
    """Return what JSON source says, with its marks; halves of a character that are alone are lost."""
    text = _ESCAPE.sub(lambda escape: _said(escape[0]), source)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Read(NamedTuple):
    source: str
    text: str


class Unescaped:
    """Looks with *finder* at what JSON source says; its segments are of the source."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self.hold_back = _LONGEST * (finder.hold_back + 1)
        self._begun = ""
        # What the finder has been given and has not returned, in runs: source and text of equal length, or one escape.
        self._runs: deque[_Read] = deque()
        self._taken = 0  # of the first of them

    def feed(self, text: str) -> list[Segment]:
        """Take the next piece of source."""
        source = self._begun + text
        begun = _BEGUN.search(source[-_LONGEST:])
        held = (
            len(begun.group()) if begun is not None and not _is_escaped(source, len(source) - len(begun.group())) else 0
        )
        source, self._begun = source[: len(source) - held], source[len(source) - held :]
        return self._sources(self._finder.feed(self._read(source)))

    def end(self, text: str = "") -> list[Segment]:
        """Take the last piece; return the rest. An escape that was cut off is left as it is."""
        source, self._begun = self._begun + text, ""
        return self._sources(self._finder.end(self._read(source)))

    def _read(self, source: str) -> str:
        runs, at = [], 0
        for match in _ESCAPE.finditer(source) if "\\" in source else ():
            runs += [_Read(source[at : match.start()], source[at : match.start()]), _Read(match[0], _said(match[0]))]
            at = match.end()
        runs.append(_Read(source[at:], source[at:]))
        self._runs += (run for run in runs if run.source)
        return "".join(run.text for run in runs)

    def _sources(self, segments: list[Segment]) -> list[Segment]:
        return [Segment(self._source_of(len(segment.text)), segment.kind) for segment in segments]

    def _source_of(self, length: int) -> str:
        """Take the source of the next *length* characters of text."""
        taken: list[str] = []
        while length > 0:
            source, text = self._runs[0]
            begin, end = self._taken, self._taken + length
            if end < len(text):
                self._taken = end
            else:
                self._runs.popleft()
                self._taken = 0
            taken.append(source[begin:end] if len(source) == len(text) else source)
            length -= len(text) - begin
        return "".join(taken)


def _said(escape: str) -> str:
    return (
        chr(int(escape.removeprefix("\\u"), 16))
        if escape[1] == "u" and len(escape) == _LONGEST
        else _MEANS.get(escape[1], escape[1])
    )


def _is_escaped(source: str, at: int) -> bool:
    """Say whether the backslash *at* is the second of a pair."""
    before = len(source[:at]) - len(source[:at].rstrip("\\"))
    return before % 2 == 1
