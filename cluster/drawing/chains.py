"""Layers that stand behind one another with nothing else in between: drawn as one column, they take a column's room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cluster.drawing.diagram import Arrow, Box, Diagram


@dataclass(frozen=True, slots=True, kw_only=True)
class Chained:
    """A diagram in which the first box of each chain stands for all of it, and what it stands for."""

    diagram: Diagram
    boxes: Mapping[str, tuple[Box, ...]]
    links: tuple[Arrow, ...]


def chained(diagram: Diagram) -> Chained:
    """Return the diagram with its chains of layers drawn together; any other box is a chain of its own."""
    leaving = Counter(arrow.start for arrow in diagram.arrows)
    arriving = Counter(arrow.end for arrow in diagram.arrows)
    layers = {box.name for box in diagram.boxes if box.group == "layer"}
    links = tuple(
        arrow
        for arrow in diagram.arrows
        if {arrow.start, arrow.end} <= layers and leaving[arrow.start] == arriving[arrow.end] == 1
    )
    follows = {arrow.start: arrow.end for arrow in links}
    boxes = {box.name: box for box in diagram.boxes}
    chains = {name: _from(name, follows) for name in boxes if name not in follows.values()}
    head = {name: first for first, names in chains.items() for name in names}
    return Chained(
        diagram=Diagram(
            boxes=tuple(boxes[name] for name in chains),
            arrows=tuple(replace(arrow, start=head[arrow.start]) for arrow in diagram.arrows if arrow not in links),
        ),
        boxes={first: tuple(boxes[name] for name in names) for first, names in chains.items()},
        links=links,
    )


def _from(name: str, follows: Mapping[str, str]) -> list[str]:
    names = [name]
    while names[-1] in follows:
        names.append(follows[names[-1]])
    return names
