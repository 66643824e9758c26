"""Sort a diagram into columns, left to right, and each column from top to bottom so that few arrows cross.

The layered method of Sugiyama, Tagawa and Toda (1981). Labels and the bends of long arrows are items of their own, in
columns between those of the boxes: nothing can come to lie on a label that has a place of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise

from cluster.drawing.diagram import MODELS, Arrow, Diagram

SWEEPS = 12


@dataclass(slots=True)
class Item:
    """Something with a place: a box, or a point of an arrow, which carries the label if it is its first."""

    key: str
    column: int
    box: str | None = None
    arrow: Arrow | None = None
    label: str = ""
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """All items by key, the keys of each column in order, and the items that each arrow passes, ends included."""

    items: Mapping[str, Item]
    columns: tuple[tuple[str, ...], ...]
    ways: tuple[tuple[Arrow, tuple[str, ...]], ...]


def columns(diagram: Diagram) -> Columns:
    """Return the columns of a diagram without cycles."""
    rank = _ranks(diagram)
    items = {_of_box(box.name): Item(_of_box(box.name), rank[box.name], box=box.name) for box in diagram.boxes}
    ways = tuple((arrow, _way(at, arrow, rank, items)) for at, arrow in enumerate(diagram.arrows))
    start: list[list[str]] = [[] for _ in range(max(rank.values()) + 1)]
    for key in _from_the_client(items):
        start[items[key].column].append(key)
    return Columns(items=items, columns=tuple(map(tuple, _fewest_crossings(start, items))), ways=ways)


def _of_box(name: str) -> str:
    return f"box {name}"


def _ranks(diagram: Diagram) -> dict[str, int]:
    """Return each box's column: as far left as its arrows let it, the models in the last one."""
    above: dict[str, set[str]] = {box.name: set() for box in diagram.boxes}
    for arrow in diagram.arrows:
        above[arrow.end].add(arrow.start)
    rank: dict[str, int] = {}
    for name in TopologicalSorter(above).static_order():
        rank[name] = max((rank[one] + 2 for one in above[name]), default=0)
    last = max(rank.values())
    rank = {box.name: last if box.group in MODELS else rank[box.name] for box in diagram.boxes}
    return _next_to_their_targets(rank, above, diagram.arrows)


def _next_to_their_targets(
    rank: Mapping[str, int], above: Mapping[str, set[str]], arrows: Iterable[Arrow]
) -> dict[str, int]:
    """Move what nothing leads to right beside what it leads to first."""
    led = dict[str, list[int]]()
    for arrow in arrows:
        led.setdefault(arrow.start, []).append(rank[arrow.end])
    return {name: min(led[name]) - 2 if not above[name] and name in led else at for name, at in rank.items()}


def _way(at: int, arrow: Arrow, rank: Mapping[str, int], items: dict[str, Item]) -> tuple[str, ...]:
    """Add a point in every column between the arrow's ends, and tie them all together."""
    between = range(rank[arrow.start] + 1, rank[arrow.end])
    points = [f"arrow {at} {column}" for column in between]
    for first, (key, column) in enumerate(zip(points, between, strict=True)):
        items[key] = Item(key, column, arrow=arrow, label="" if first else arrow.label)
    way = (_of_box(arrow.start), *points, _of_box(arrow.end))
    for one, other in pairwise(way):
        items[one].after.append(other)
        items[other].before.append(one)
    return way


def _from_the_client(items: Mapping[str, Item]) -> list[str]:
    """Return all keys in the order of a walk from the first box, which draws most graphs without a crossing."""
    seen: dict[str, None] = {}
    for first in items.values():
        waiting = [first.key]
        while waiting:
            key = waiting.pop()
            if key not in seen:
                seen[key] = None
                waiting.extend(reversed(items[key].after))
    return list(seen)


def _fewest_crossings(start: list[list[str]], items: Mapping[str, Item]) -> list[list[str]]:
    best, order = [list(column) for column in start], [list(column) for column in start]
    fewest = crossings(best, items)
    for sweep in range(SWEEPS):
        _sweep(order, items, forward=sweep % 2 == 0)
        count = crossings(order, items)
        if count < fewest:
            best, fewest = [list(column) for column in order], count
    return best


def _sweep(order: list[list[str]], items: Mapping[str, Item], *, forward: bool) -> None:
    """Sort each column by the middle of each item's neighbours in the column before; ties stay as they are."""
    for at in range(1, len(order)) if forward else range(len(order) - 2, -1, -1):
        place = {key: i for column in order for i, key in enumerate(column)}

        def middle(key: str, place: Mapping[str, int] = place) -> float:
            near = items[key].before if forward else items[key].after
            return sum(place[one] for one in near) / len(near) if near else place[key]

        order[at].sort(key=middle)


def crossings(order: Sequence[Sequence[str]], items: Mapping[str, Item]) -> int:
    """Count the pairs of arrows that cross between two columns."""
    count = 0
    for left, right in pairwise(order):
        place = {key: at for at, key in enumerate(right)}
        ends = [sorted(place[key] for key in items[one].after if key in place) for one in left]
        flat = [end for one in ends for end in one]
        count += sum(flat[i] > flat[j] for i in range(len(flat)) for j in range(i + 1, len(flat)))
    return count
