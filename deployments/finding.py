"""A text that streams, cut into what was looked for and what lies between."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Segment(NamedTuple):
    """A piece of a text; ``kind`` says as what it was found, "" for what lies between."""

    text: str
    kind: str = ""


class Finder(Protocol):
    """Looks for something in one text; the segments of all calls put together are the text.

    What is found does not depend on the pieces in which the text comes. ``hold_back`` is the most characters that are
    kept until more of the text is there.
    """

    hold_back: int

    def feed(self, text: str) -> list[Segment]:
        """Take the next piece; return what is certain by now."""
        ...

    def end(self, text: str = "") -> list[Segment]:
        """Take the last piece, which may be all of the text; return the rest."""
        ...
