"""What one detector is: a pattern for what may be something, and a check that knows whether it is.

Both look at nothing but a bounded stretch of text around the place, which is what makes a stream searchable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import re2

from deployments.pii.folding import OTHER
from deployments.pii.wording import THINGS, Words

# How many characters a match has at most, how many before it a check may look at, and how many after it.
WIDTH, BEFORE, AFTER = 256, 40, 2
_NEAR = 16

# What no match crosses: everything but these, and spaces in places where no number goes on.
GLUE = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz\xe0@._%+-:/()=~'"
_BEFORE_SPACE = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ)"
_AFTER_SPACE = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ(+"
SPACE = b" "[0]


def pattern(source: bytes) -> Any:
    """Compile a pattern of RE2's over folded text.

    A match has at most WIDTH characters, and holds a space only where ``is_break`` says that a number may go on.
    """
    return re2.compile(source, options=latin1())


def latin1() -> Any:
    """Return the options by which a byte is a character."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return options


def is_break(data: bytes, at: int) -> bool:
    """Say whether no match can hold the character *at*; of a space at the end of *data* that is not known."""
    if data[at] != SPACE:
        return data[at] not in GLUE
    if at == 0 or data[at - 1] not in _BEFORE_SPACE:
        return True
    return at + 1 < len(data) and data[at + 1] not in _AFTER_SPACE


@dataclass(frozen=True, slots=True)
class Place:
    """A possible match in a text: ``data`` is the text folded."""

    text: str
    data: bytes
    start: int
    end: int

    @property
    def found(self) -> str:
        """Return the match, folded."""
        return self.data[self.start : self.end].decode("latin-1")

    def near(self, words: Words, within: int = BEFORE) -> bool:
        """Say whether one of *words* stands in the *within* characters before."""
        return words.within(self.text[max(0, self.start - within) : self.start].lower())

    def is_things(self, people: Words | None = None) -> bool:
        """Say whether the words right before speak of a thing, and none of *people*'s stands nearer."""
        before = self.text[max(0, self.start - _NEAR) : self.start].lower()
        thing = THINGS.last_in(before)
        return thing >= 0 and (people is None or thing > people.last_in(before))

    @property
    def previous(self) -> int:
        """Return the byte before."""
        return self.data[self.start - 1] if self.start else OTHER[0]

    @property
    def next(self) -> int:
        """Return the byte after."""
        return self.data[self.end] if self.end < len(self.data) else OTHER[0]

    @property
    def goes_on(self) -> bool:
        """Say whether a dot, dash, slash, colon or at-sign follows, and a letter or digit behind it."""
        after = self.data[self.end : self.end + 2]
        return len(after) == AFTER and after[0] in b".-:/@_" and chr(after[1]).isalnum()

    def cut(self, end: int) -> Place:
        """Return the same up to *end*."""
        return Place(self.text, self.data, self.start, end)

    def shorter(self) -> Iterator[Place]:
        """Yield the match, and then without its last group, its last two, and so on."""
        place = self
        while True:
            yield place
            at = max(place.data.rfind(mark, place.start, place.end) for mark in (b" ", b"-", b".", b"/"))
            if at <= place.start:
                return
            place = place.cut(at)


# Returns where the match ends, None where it is none.
Check = Callable[[Place], int | None]


@dataclass(frozen=True, slots=True)
class Detector:
    """Looks for one kind of thing.

    ``tell`` is a pattern too: whatever the detector finds holds a match of it, which needs no more than the character
    before. It is short, so that those of all detectors can be looked for at once.
    """

    kind: str
    pattern: Any
    check: Check
    tell: bytes
