"""What was taken out of one request, so that it can be put back into the answer, and only there."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_PLACEHOLDER = 32
_FORM = re.compile(r"<[A-Z]+(?:_[A-Z]+)*_\d+>", re.ASCII)


class Vault:
    """Gives each value a placeholder such as ``<EMAIL_1>``, the same value the same one.

    What looks like a placeholder in *texts*, the request's own, is never given: it would come back as somebody's data.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._taken = frozenset(one for text in texts if "<" in text for one in _FORM.findall(text))
        self._given: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._numbers: dict[str, int] = {}

    def placeholder(self, kind: str, value: str) -> str:
        """Return what stands for *value*, which is of a *kind* in upper case."""
        given = self._given.get((kind, value))
        if given is None:
            given = self._given[kind, value] = self._new(kind)
            self._values[given] = value
        return given

    def _new(self, kind: str) -> str:
        while True:
            self._numbers[kind] = number = self._numbers.get(kind, 0) + 1
            if (given := f"<{kind}_{number}>") not in self._taken:
                return given

    @property
    def counts(self) -> dict[str, int]:
        """Count the values that were taken, by kind."""
        counts: dict[str, int] = {}
        for kind, _ in self._given:
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def value(self, placeholder: str) -> str | None:
        """Return what *placeholder* stands for, None where it is none of this request's."""
        return self._values.get(placeholder)

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        return f"Vault({self.counts})"
