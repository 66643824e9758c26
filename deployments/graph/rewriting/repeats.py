"""What the texts of one answer have become, for where the answer tells one again.

What tells a text again then tells the same, and what was found in it is counted once.
"""

from __future__ import annotations


class Spelt:
    """A text that comes in pieces, and what becomes of them."""

    def __init__(self, *, source: bool) -> None:
        self.source = source
        self._came: list[str] = []
        self._went: list[str] = []

    def add(self, came: str, went: str) -> None:
        """Take a piece, and what is given out for it or a piece before."""
        self._came.append(came)
        self._went.append(went)

    @property
    def whole(self) -> tuple[str, str]:
        """Return the text as it came, and as it went."""
        return "".join(self._came), "".join(self._went)


class Repeats:
    """Texts as they came, and whether they are JSON source, with what they became."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool], str] = {}

    def note(self, text: str, written: str, *, source: bool) -> None:
        """Note what *text* has become."""
        self._known[text, source] = written

    def known(self, text: str, *, source: bool) -> str | None:
        """Return what *text* became, None where it was not there."""
        return self._known.get((text, source))

    def joined(self, text: str) -> str | None:
        """Return what *text* became, where it was there in one piece or in several, one behind the other."""
        if (text, False) in self._known:
            return self._known[text, False]
        rest, written = text, []
        for (one, source), other in self._known.items():
            if one and not source and rest.startswith(one):
                rest = rest[len(one) :]
                written.append(other)
        return None if rest else "".join(written)
