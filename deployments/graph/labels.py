"""What a prompt is about, as a score for each of several labels: by the rules, or by the nearest of given examples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import get_args

from deployments.errors import EngineFailed
from deployments.graph.task import DEFAULT, THRESHOLD, TaskGuess
from deployments.graph.when import Task

TASKS: frozenset[str] = frozenset(get_args(Task))
# How much a difference of two cosines counts; embeddings of any two texts are somewhat alike.
SHARPNESS = 20.0

Vector = Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Scores in [0, 1] that sum to one, and who gave them."""

    scores: Mapping[str, float]
    by: str

    @property
    def best(self) -> str:
        """Return the label with the highest score."""
        return max(self.scores, key=lambda label: self.scores[label])


def by_rules(guess: TaskGuess) -> Labels:
    """Return what the rules' evidence comes to; a chat is as likely as the least evidence that speaks for a task."""
    weights = {DEFAULT: THRESHOLD}
    for task, _, weight in guess.evidence:
        weights[task] = weights.get(task, 0.0) + weight
    total = sum(weights.values())
    return Labels(scores={task: weights.get(task, 0.0) / total for task in sorted(TASKS)}, by="rules")


def centroids(examples: Mapping[str, Sequence[Vector]]) -> dict[str, Vector]:
    """Return the direction that each label's examples have on average."""
    return {label: unit([sum(column) for column in zip(*map(unit, vectors), strict=True)])
            for label, vectors in examples.items()}  # fmt: skip


def nearest(vector: Vector, known: Mapping[str, Vector], by: str) -> Labels:
    """Score every label by the cosine of *vector* to its centroid (a softmax of them).

    Raises EngineFailed where *vector* and centroids are not of one length, and so not of one model.
    """
    if {len(centroid) for centroid in known.values()} != {len(vector)}:
        raise EngineFailed(f"{by} answered with a vector of another length than before")
    direction = unit(vector)
    cosines = {label: sum(map(mul, direction, centroid)) for label, centroid in known.items()}
    top = max(cosines.values())
    weights = {label: math.exp(SHARPNESS * (cosine - top)) for label, cosine in cosines.items()}
    total = sum(weights.values())
    return Labels(scores={label: weight / total for label, weight in weights.items()}, by=by)


def unit(vector: Vector) -> Vector:
    """Return *vector* with length one; nothing stays nothing."""
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else list(vector)
