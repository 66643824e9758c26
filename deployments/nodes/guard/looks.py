"""The checks of a guard made ready once, and what they find in the texts of one request or answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deployments.finding import Finder, Segment
from deployments.graph.rewriting.escapes import Unescaped
from deployments.graph.rewriting.prompt import Prompted, with_texts
from deployments.graph.rewriting.writing import Write, Written
from deployments.nodes.guard.injection import RULES
from deployments.nodes.guard.patterns import Patterns, together
from deployments.nodes.guard.spec import Check
from deployments.nodes.guard.words import WordList, Words, read_words
from deployments.request import Request

_PIECE = 4096


@dataclass(frozen=True, slots=True)
class Look:
    """A check, and what begins a search with it, where it finds places in a text."""

    check: Check
    finder: Callable[[], Finder] | None

    def written(self, write: Write, *, source: bool) -> Written:
        """Return the rewriting of one text; for a check that finds places."""
        return Written(self._begun(), write, source=source)

    def _begun(self) -> Finder:
        if self.finder is None:
            raise LookupError(f"a {self.check.look} finds no places")
        return self.finder()

    def found_in(self, texts: Iterable[Prompted]) -> str | None:
        """Return the field of the first of *texts* in which something is found, None where nothing is."""
        return next((one.field for one in texts if self._is_in(one)), None)

    def _is_in(self, one: Prompted) -> bool:
        """Say whether there is anything to find; in pieces, so that what is behind the first is not looked for."""
        finder = Unescaped(self._begun()) if one.source else self._begun()
        last = (len(one.text) - 1) // _PIECE * _PIECE
        for at in range(0, last, _PIECE):
            if _are_finds(finder.feed(one.text[at : at + _PIECE])):
                return True
        return _are_finds(finder.end(one.text[last:]))

    def masked(self, request: Request) -> Request:
        """Return *request* with something else for all that is found."""

        def mask(text: str, source: bool) -> str:
            other = self.written(lambda _kind, _value: self.check.written, source=source).whole(text)
            return text if other == text else other

        return with_texts(request, mask)


def _are_finds(segments: Iterable[Segment]) -> bool:
    return any(segment.kind for segment in segments)


def ready(check: Check) -> Look:
    """Make *check* ready; raises Misconfigured for words that cannot be had."""
    if check.words is not None or check.words_file is not None:
        words = WordList(check.words or () if check.words_file is None else read_words(check.words_file))
        return Look(check, lambda: Words(words))
    rules = check.patterns if check.patterns is not None else RULES if check.injection else None
    if rules is None:
        return Look(check, None)
    pattern = together(rules)
    return Look(check, lambda: Patterns(pattern))
