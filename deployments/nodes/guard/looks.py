"""The checks of a guard made ready once, and what they find in the texts of one request or answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deployments.finding import Finder
from deployments.graph.rewriting.prompt import Prompted, texts_of, with_texts
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
        if self.finder is None:
            raise LookupError(f"a {self.check.look} finds no places")
        return Written(self.finder(), write, source=source)

    def found_in(self, request: Request) -> str | None:
        """Return the field of *request* in which something is found first, None where nothing is."""
        return next((one.field for one in texts_of(request) if self._is_in(one)), None)

    def _is_in(self, one: Prompted) -> bool:
        """Say whether there is anything to find; in pieces, so that what is behind the first is not looked for."""
        seen: list[str] = []

        def note(kind: str, value: str) -> str:
            seen.append(kind)
            return value

        written = self.written(note, source=one.source)
        for at in range(0, len(one.text), _PIECE):
            written.feed(one.text[at : at + _PIECE])
            if seen:
                return True
        written.end()
        return bool(seen)

    def masked(self, request: Request) -> Request:
        """Return *request* with something else for all that is found."""

        def mask(text: str, source: bool) -> str:
            other = self.written(lambda _kind, _value: self.check.written, source=source).whole(text)
            return text if other == text else other

        return with_texts(request, mask)


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
