"""Cases of a switch that no request can reach, because an earlier case takes all of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.problems import path_of
from deployments.graph.kind import KindSpec
from deployments.graph.when import Counts, Scores, When
from deployments.nodes.switch.kind import Case, SwitchSpec


def unreachable(graph: Mapping[str, KindSpec]) -> Iterator[str]:
    """Say of each case that can never match which earlier one stands before it."""
    for name, node in graph.items():
        if isinstance(node, SwitchSpec):
            for later, earlier in _shadowed(node.switch):
                path = path_of(("graph", name, "switch", later))
                yield f"{path} is never reached: every request that it would take is taken by case {earlier} before it"


def _shadowed(cases: tuple[Case, ...]) -> Iterator[tuple[int, int]]:
    for at, case in enumerate(cases):
        before = (i for i, other in enumerate(cases[:at]) if other.when and case.when and covers(other.when, case.when))
        if (earlier := next(before, None)) is not None:
            yield at, earlier


def covers(wide: When, narrow: When) -> bool:
    """Say whether every request that meets *narrow* surely meets *wide*."""
    have = narrow.given()
    return all(name in have and _covers(name, wanted, have[name]) for name, wanted in wide.given().items())


def _covers(name: str, wide: Any, narrow: Any) -> bool:
    if isinstance(wide, Scores | Counts):
        return _within(wide, narrow)
    if name == "has":
        return set(wide) <= set(narrow)
    if name == "header":
        return all(key in narrow and set(narrow[key]) <= set(words) for key, words in wide.items())
    if isinstance(wide, tuple):
        return set(narrow) <= set(wide)
    return bool(wide == narrow)


def _within(wide: Scores | Counts, narrow: Scores | Counts) -> bool:
    infinity = float("inf")
    from_below = (narrow.at_least or 0) >= (wide.at_least or 0)
    return from_below and (narrow.below or infinity) <= (wide.below or infinity)
