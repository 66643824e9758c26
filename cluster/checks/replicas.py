"""Replica bounds that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.config import Replicas
from cluster.parts import Parts
from cluster.problems import Problem, path_of


def contradictory(parts: Parts) -> Iterator[Problem]:
    """Find bounds in the wrong order, pools that may never have a replica, and starts outside the bounds."""
    for name, model in parts.models.items():
        bounds, loc = model.replicas, ("models", name, "replicas")
        sound = parts.sound(*loc, "max") and parts.sound(*loc, "min")
        if sound and bounds.max < max(1, bounds.min):
            than = f"min ({bounds.min})" if bounds.min else "1; a pool that may never have a replica answers nothing"
            yield Problem(path=path_of((*loc, "max")), message=f"{bounds.max} is less than {than}", value=bounds.max)
        elif sound and parts.sound(*loc, "initial"):
            yield from _outside(bounds, path_of((*loc, "initial")))


def _outside(bounds: Replicas, path: str) -> Iterator[Problem]:
    if bounds.initial is None:
        return
    if bounds.initial < bounds.min:
        yield Problem(path=path, message=f"{bounds.initial} is less than min ({bounds.min})", value=bounds.initial)
    if bounds.initial > bounds.max:
        yield Problem(path=path, message=f"{bounds.initial} is greater than max ({bounds.max})", value=bounds.initial)
