"""Guess the task of a prompt from the evidence in it, and say which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deployments.graph.evidence.code import CODE
from deployments.graph.evidence.evidence import Evidence
from deployments.graph.evidence.extraction import EXTRACTION
from deployments.graph.evidence.math import MATH
from deployments.graph.evidence.summary import SUMMARY
from deployments.graph.evidence.translation import TRANSLATION
from deployments.graph.reading import Reading

EVIDENCE: Mapping[str, tuple[Evidence, ...]] = {
    "translation": TRANSLATION,
    "summary": SUMMARY,
    "extraction": EXTRACTION,
    "code": CODE,
    "math": MATH,
}

THRESHOLD = 1.0
DEFAULT = "chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskGuess:
    """The likeliest task, and for every task that anything spoke for, what did and with what weight."""

    task: str
    evidence: tuple[tuple[str, str, float], ...] = ()

    def explain(self) -> str:
        """Say the evidence in one line."""
        found = ", ".join(f"{name} (+{weight:g} {task})" for task, name, weight in self.evidence)
        return found or "nothing points to another task"


def classify(reading: Reading) -> TaskGuess:
    """Return the task with the most evidence; below a threshold it is a chat, and a tie goes to the first listed."""
    found = tuple(
        (task, one.name, one.weight) for task, listed in EVIDENCE.items() for one in listed if one.found_in(reading)
    )
    scores = dict.fromkeys(EVIDENCE, 0.0)
    for task, _, weight in found:
        scores[task] += weight
    best = max(scores, key=lambda task: scores[task])
    return TaskGuess(task=best if scores[best] >= THRESHOLD else DEFAULT, evidence=found)
