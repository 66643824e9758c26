"""What stands for the things that are found in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from deployments.finding import Finder, Segment
from deployments.graph.rewriting.escapes import Unescaped

# Returns what stands for a value of a kind; raises what the request ends with.
Write = Callable[[str, str], str]
_ESCAPE = re.compile(r"\\.", re.DOTALL)


class Writing(Protocol):
    """Begins the rewriting of one text; with *source* the text is JSON source, and so is what comes out."""

    def __call__(self, *, source: bool) -> Written: ...


class Written:
    """One text with something else in the place of what *finder* finds in it."""

    def __init__(self, finder: Finder, write: Write, *, source: bool = False) -> None:
        self._finder: Finder = Unescaped(finder) if source else finder
        self._write, self._source = write, source
        self._held = 0
        self._inside = False  # a string of JSON source

    @property
    def pending(self) -> bool:
        """Say whether some of the text is held back."""
        return self._held > 0

    def feed(self, text: str) -> str:
        """Take the next piece; return what is certain by now."""
        self._held += len(text)
        return self._joined(self._finder.feed(text))

    def end(self) -> str:
        """Return the rest."""
        return self._joined(self._finder.end())

    def whole(self, text: str) -> str:
        """Return a whole text as it is written; for nothing but that text."""
        self._held = len(text)
        return self._joined(self._finder.end(text))

    def _joined(self, segments: list[Segment]) -> str:
        if not segments:
            return ""
        if len(segments) == 1 and not segments[0].kind and not self._source:  # as most often
            self._held -= len(segments[0].text)
            return segments[0].text
        self._held -= sum(len(segment.text) for segment in segments)
        return "".join(map(self._one, segments))

    def _one(self, segment: Segment) -> str:
        if not self._source:
            return self._write(segment.kind, segment.text) if segment.kind else segment.text
        inside = self._inside
        if '"' in segment.text and _ESCAPE.sub("", segment.text).count('"') % 2:
            self._inside = not inside
        return self._in_source(segment, inside=inside) if segment.kind else segment.text

    def _in_source(self, segment: Segment, *, inside: bool) -> str:
        """Return JSON for what is found, *inside* a string or where a number stood."""
        value = said(segment.text)
        written = self._write(segment.kind, value)
        if written == value:
            return segment.text
        return quoted(written) if inside else f'"{quoted(written)}"'


class Watched(Written):
    """Looks at a text, which passes as it comes."""

    def feed(self, text: str) -> str:
        """Give out the text itself."""
        super().feed(text)
        return text

    def whole(self, text: str) -> str:
        """Give out the text itself."""
        super().whole(text)
        return text

    def end(self) -> str:
        """Give out nothing more."""
        super().end()
        return ""


class Chained(Written):
    """Several rewritings, each of what the one before gives."""

    def __init__(self, links: Sequence[Written]) -> None:
        self._links = links

    @property
    def pending(self) -> bool:
        """Say whether some of the text is held back."""
        return any(link.pending for link in self._links)

    def feed(self, text: str) -> str:
        """Take the next piece; return what is certain by now."""
        for link in self._links:
            text = link.feed(text)
        return text

    def whole(self, text: str) -> str:
        """Return a whole text as it is written."""
        for link in self._links:
            text = link.whole(text)
        return text

    def end(self) -> str:
        """Return the rest."""
        text = ""
        for link in self._links:
            text = link.feed(text) + link.end()
        return text


def quoted(text: str) -> str:
    """Return *text* as it stands between the quotation marks of JSON."""
    return msgspec.json.encode(text).decode()[1:-1]


def said(source: str) -> str:
    """Return what stands between the quotation marks of JSON; *source* itself where that is no JSON."""
    if "\\" not in source:
        return source
    try:
        return msgspec.json.decode(f'"{source}"', type=str)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return source
