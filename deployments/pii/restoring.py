"""Placeholders in an answer found again, also where one comes in pieces."""

from __future__ import annotations

import re

from deployments.finding import Segment
from deployments.pii.vault import MOST_PLACEHOLDER, Vault

PLACEHOLDER = "PLACEHOLDER"
_WHOLE = re.compile(r"<[A-Z_]{1,20}_\d{1,9}>", re.ASCII)
_BEGUN = re.compile(r"<(?:[A-Z_]{0,21}|[A-Z_]{1,20}_\d{0,9})\Z", re.ASCII)


class Placeholders:
    """Finds the placeholders that *vault* has given."""

    hold_back = MOST_PLACEHOLDER

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._held = ""

    def feed(self, text: str) -> list[Segment]:
        """Give out all but what may be the beginning of a placeholder."""
        self._held += text
        begun = self._held.rfind("<")
        held = begun if begun >= 0 and _BEGUN.match(self._held, begun) else len(self._held)
        text, self._held = self._held[:held], self._held[held:]
        return self._cut(text)

    def end(self, text: str = "") -> list[Segment]:
        """Take the last piece; give out what was none after all."""
        text, self._held = self._held + text, ""
        return self._cut(text)

    def _cut(self, text: str) -> list[Segment]:
        segments, at = [], 0
        for match in _WHOLE.finditer(text) if "<" in text else ():
            if self._vault.value(match[0]) is not None:
                segments += [Segment(text[at : match.start()]), Segment(match[0], PLACEHOLDER)]
                at = match.end()
        segments.append(Segment(text[at:]))
        return [segment for segment in segments if segment.text]
