"""One bounded, normalised reading of a prompt that every rule then looks things up in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deployments.graph.features import Prompt

START_CHARS, END_CHARS = 2000, 500
LEAD_CHARS, TAIL_CHARS = 240, 120

_WORD = re.compile(r"[a-z][a-z0-9+#]*")
_NUMBER = re.compile(r"\d+")
_FENCE = "```"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A prompt's last turn, lower-cased, with single spaces, cut in the middle where it is long.

    ``ask`` is its beginning and its end, where people put the instruction; ``words`` are those of ``text``,
    ``ask_words`` those of ``ask``. ``raw`` keeps case and line breaks; ``fenced`` tells of a fenced block, which is in
    ``raw`` and ``text`` but not in ``ask``.
    """

    raw: str
    text: str
    ask: str
    words: frozenset[str]
    ask_words: frozenset[str]
    numbers: int
    fenced: bool


def word_set(text: str) -> frozenset[str]:
    """Return the words of a space-separated list."""
    return frozenset(text.split())


def read(prompt: Prompt) -> Reading:
    """Read *prompt* in time that does not grow with its length."""
    raw = sample(prompt.question)
    text = _normal(raw)
    prose = _normal("".join(raw.split(_FENCE)[::2])) if _FENCE in raw else text
    ask = prose if len(prose) <= LEAD_CHARS + TAIL_CHARS else f"{prose[:LEAD_CHARS]} {prose[-TAIL_CHARS:]}"
    return Reading(
        raw=raw,
        text=text,
        ask=ask,
        words=frozenset(_WORD.findall(text)),
        ask_words=frozenset(_WORD.findall(ask)),
        numbers=len(_NUMBER.findall(text)),
        fenced=_FENCE in raw,
    )


def sample(text: str) -> str:
    """Return the start and the end of a long text, and a short one whole."""
    return text if len(text) <= START_CHARS + END_CHARS else f"{text[:START_CHARS]}\n{text[-END_CHARS:]}"


def _normal(text: str) -> str:
    return f" {' '.join(text.lower().split())} "
