"""Rules that change an answer's text while it streams, each holding back no more than it must.

What a rule gives for a text does not depend on the pieces in which the text comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from deployments.errors import EngineFailed

_OPENINGS = {"<think>": "</think>", "<thinking>": "</thinking>"}
_BRACKETS = {"{": 1, "[": 1, "}": -1, "]": -1}


class Rule(Protocol):
    """One change of a text; ``over`` says that nothing which comes now will be in the result.

    ``hold_back`` is the most characters of the result that are not given out as soon as they could be.
    """

    hold_back: int
    over: bool

    def feed(self, text: str) -> str:
        """Take the next piece; return what is certain by now."""
        ...

    def end(self) -> str:
        """Return the rest."""
        ...


class Rules:
    """Several rules, each on what the one before gives."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules

    @property
    def over(self) -> bool:
        """Say whether nothing more can come out."""
        return any(rule.over for rule in self._rules)

    def feed(self, text: str) -> str:
        """Take the next piece; return what is certain by now."""
        for rule in self._rules:
            text = rule.feed(text)
        return text

    def end(self) -> str:
        """Return the rest."""
        text = ""
        for rule in self._rules:
            text = rule.feed(text) + rule.end()
        return text


class WithoutThinking:
    """Leaves out what a model thinks between ``<think>`` and ``</think>``, and the white space after it."""

    hold_back = max(map(len, _OPENINGS)) - 1
    over = False

    def __init__(self) -> None:
        self._held = self._closing = ""
        self._after = False

    def feed(self, text: str) -> str:
        """Give out what is outside, but for what may be the beginning of a tag."""
        self._held += text
        given = ""
        while True:
            marks = [self._closing] if self._closing else list(_OPENINGS)
            at, mark = find_first(self._held, marks)
            said, self._held = self._held[:at], self._held[at:]
            given += "" if self._closing else self._outside(said)
            if not mark:
                return given
            self._held = self._held[len(mark) :]
            self._after = bool(self._closing)
            self._closing = _OPENINGS.get(mark, "")

    def end(self) -> str:
        """Give out what was no tag after all; thoughts that never ended are left out."""
        rest, self._held = self._held, ""
        return "" if self._closing else self._outside(rest)

    def _outside(self, text: str) -> str:
        text = text.lstrip() if self._after else text
        self._after = self._after and not text
        return text


class StopAfter:
    """Ends the text after the first of some markers."""

    def __init__(self, markers: Sequence[str]) -> None:
        self._markers = markers
        self.hold_back = max(map(len, markers)) - 1
        self.over = False
        self._held = ""

    def feed(self, text: str) -> str:
        """Give out all but what may be the beginning of a marker."""
        if self.over:
            return ""
        self._held += text
        at, mark = find_first(self._held, self._markers)
        self.over = bool(mark)
        given, self._held = self._held[: at + len(mark)], "" if mark else self._held[at:]
        return given

    def end(self) -> str:
        """Give out what was no marker after all."""
        rest, self._held = self._held, ""
        return rest


class JsonOnly:
    """Keeps the first object or array, without what is said around it."""

    hold_back = 0

    def __init__(self) -> None:
        self.over = False
        self._depth = 0
        self._quoted = self._escaped = False

    def feed(self, text: str) -> str:
        """Give out what is inside."""
        if self.over:
            return ""
        begins = 0 if self._depth else next((at for at, char in enumerate(text) if char in "{["), len(text))
        for at in range(begins, len(text)):
            self._read(text[at])
            if not self._depth:
                self.over = True
                return text[begins : at + 1]
        return text[begins:]

    def end(self) -> str:
        """Raise EngineFailed where neither was begun."""
        if not self._depth and not self.over:
            raise EngineFailed("the answer holds neither a JSON object nor an array")
        return ""

    def _read(self, char: str) -> None:
        if self._quoted:
            self._quoted = self._escaped or char != '"'
            self._escaped = char == "\\" and not self._escaped
        elif char == '"':
            self._quoted = True
        else:
            self._depth += _BRACKETS.get(char, 0)


class Trim:
    """Leaves out white space at both ends; what may be the end is held, which delays nothing that can be seen."""

    hold_back = 0
    over = False

    def __init__(self) -> None:
        self._space = ""
        self._begun = False

    def feed(self, text: str) -> str:
        """Give out all but the white space at the end."""
        text = self._space + text if self._begun else text.lstrip()
        given = text.rstrip()
        self._begun = self._begun or bool(given)
        self._space = text[len(given) :] if self._begun else ""
        return given

    def end(self) -> str:
        """Give out nothing."""
        return ""


def find_first(text: str, marks: Sequence[str]) -> tuple[int, str]:
    """Return where the first of *marks* begins and which it is; without one, "" and where one may be beginning."""
    found = [(at, mark) for mark in marks if (at := text.find(mark)) >= 0]
    if found:
        return min(found, key=lambda one: (one[0], -len(one[1])))
    longest = max(map(len, marks)) - 1
    starts = range(max(0, len(text) - longest), len(text))
    return next((at for at in starts if any(mark.startswith(text[at:]) for mark in marks)), len(text)), ""
