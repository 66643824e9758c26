"""The way out: what is personal in an answer, which the model says by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection

from deployments.graph.rewriting.writing import Watched, Written
from deployments.pii.scanner import Scanner

# Is told of the kind of everything that is found, and may raise.
Seen = Callable[[str], None]


class Masking:
    """Begins the masking of each text of an answer."""

    def __init__(self, kinds: Collection[str], seen: Seen) -> None:
        self._kinds, self._seen = kinds, seen

    def __call__(self, *, source: bool) -> Written:
        """Return the rewriting of one text."""
        return Written(Scanner(self._kinds), self._mask, source=source)

    def _mask(self, kind: str, value: str) -> str:  # noqa: ARG002 - what it was is not told
        self._seen(kind)
        return f"[{kind}]"


class Flagging:
    """Begins the watching of each text of an answer, which passes as it comes."""

    def __init__(self, kinds: Collection[str], seen: Seen) -> None:
        self._kinds, self._seen = kinds, seen

    def __call__(self, *, source: bool) -> Written:
        """Return the watching of one text."""
        return Watched(Scanner(self._kinds), self._flag, source=source)

    def _flag(self, kind: str, value: str) -> str:
        self._seen(kind)
        return value
