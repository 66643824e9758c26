"""The courses of arrows: from box to box past everything that has a place of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.drawing.columns import Columns
from cluster.drawing.placed import PlacedArrow, Rect

PORTS_APART = 9.0

Ends = Mapping[str, tuple[float, float]]


def arrows(
    sorted_: Columns,
    places: Mapping[str, Rect],
    texts: Mapping[str, tuple[str, ...]],
    widths: Sequence[float],
    ends: Ends,
) -> list[PlacedArrow]:
    """Return every arrow's points: straight across the columns in between, and curved only where nothing lies.

    *ends* tells, by box, at which height arrows come to it and leave it.
    """
    leaving, arriving = _ports(sorted_, places, ends, after=True), _ports(sorted_, places, ends, after=False)
    placed = []
    for arrow, way in sorted_.ways:
        start, end = places[way[0]], places[way[-1]]
        points = [(start.x + start.w, leaving[way[0], way[1]])]
        for key in way[1:-1]:
            at = places[key]
            points += [(at.x, at.middle), (at.x + widths[sorted_.items[key].column], at.middle)]
        points.append((end.x, arriving[way[-1], way[-2]]))
        lines = texts[way[1]]
        placed.append(
            PlacedArrow(arrow=arrow, points=tuple(points), label_at=places[way[1]] if lines else None, lines=lines)
        )
    return placed


def _ports(sorted_: Columns, places: Mapping[str, Rect], ends: Ends, *, after: bool) -> dict[tuple[str, str], float]:
    """Return at which height each arrow touches a box: apart, and in the order of where they come from or go to."""
    found: dict[tuple[str, str], float] = {}
    for key, item in sorted_.items.items():
        if item.box is None:
            continue
        near = sorted(item.after if after else item.before, key=lambda one: places[one].middle)
        first = ends[item.box][after] - PORTS_APART * (len(near) - 1) / 2
        found.update({(key, one): first + at * PORTS_APART for at, one in enumerate(near)})
    return found
