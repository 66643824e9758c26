"""A long report in plain English with facts at known places, and the node that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

POOL, BUDGET, ANSWER, PART = "distilled", 6000, 120, 2000
LONG = {"longform": POOL, "summary_ratio": 0.02, "budget": BUDGET, "answer": ANSWER, "part": PART, "parallel": 4}

_WHO = ("The harbour master", "A young clerk", "The night watchman", "Our neighbour", "The old captain", "A visitor")
_DID = ("walked slowly past", "wrote a letter about", "painted a picture of", "spoke for a while about", "admired")
_WHAT = (
    "the wooden pier",
    "the quiet market",
    "a field of barley",
    "the stone bridge",
    "the empty station",
    "the lamps",
)
_WHEN = (
    "before the rain began",
    "while the bells rang",
    "as the boats came in",
    "late in the evening",
    "in early spring",
)
_PLACES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ironwood", "Juniper")
_CHARS_PER_TOKEN = 4.9
_SENTENCES = 8


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence of the report; whoever knows its number has read it."""

    sentence: str
    number: str


def report(tokens: int, facts: int, *, seed: int = 1) -> tuple[str, list[Fact]]:
    """Return a report of about *tokens* tokens with *facts* facts at equal distances."""
    rng = Random(seed)
    planted = [_fact(at, rng) for at in range(facts)]
    paragraphs: list[str] = []
    size, due = 0, 0
    while size < tokens * _CHARS_PER_TOKEN:
        said = [_sentence(rng) for _ in range(_SENTENCES)]
        if due < facts and size >= tokens * _CHARS_PER_TOKEN * (due + 0.5) / facts:
            said.insert(_SENTENCES // 2, planted[due].sentence)
            due += 1
        heading = f"## Day {len(paragraphs) // 10 + 1}\n\n" if len(paragraphs) % 10 == 0 else ""
        paragraphs.append(heading + " ".join(said))
        size += len(paragraphs[-1])
    return "\n\n".join(paragraphs) + "\n", planted


def _sentence(rng: Random) -> str:
    return f"{rng.choice(_WHO)} {rng.choice(_DID)} {rng.choice(_WHAT)} {rng.choice(_WHEN)}."


def _fact(at: int, rng: Random) -> Fact:
    number = str(rng.randrange(1000, 10_000))
    place = f"{_PLACES[at % len(_PLACES)]} House {at // len(_PLACES) + 1}"
    return Fact(f"The safe of {place} opens with the code {number}.", number)
