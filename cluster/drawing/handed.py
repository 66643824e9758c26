"""A document's drawing as plain data, for gateways to show with what happens on it."""

from __future__ import annotations

from typing import Any

from cluster.config import Config
from cluster.drawing.diagram import diagram
from cluster.drawing.layout import lay_out
from cluster.drawing.placed import Layout, PlacedArrow, PlacedBox, Rect
from deployments.page.drawing import MOST

# The widest that is written on an arrow while it is watched.
FIGURES = "000/s · 0.00 s · 10%"
# And beside a pool's kind: how many replicas are ready, of how many.
COUNTED = "00/00"


def handed(config: Config, most: int = MOST) -> dict[str, Any] | None:
    """Return the fields of ``deployments.page.drawing.Drawing``; None with more than *most* boxes or arrows."""
    shown = diagram(config)
    return plain(lay_out(shown, FIGURES, COUNTED)) if max(len(shown.boxes), len(shown.arrows)) <= most else None


def plain(layout: Layout) -> dict[str, Any]:
    """Return a layout whose arrows have room for figures."""
    return {
        "size": [round(layout.width), round(layout.height)],
        "boxes": [_box(placed) for placed in layout.boxes],
        "arrows": [_arrow(placed) for placed in layout.arrows],
    }


def _box(placed: PlacedBox) -> dict[str, Any]:
    box = placed.box
    told = {"name": box.name, "title": placed.title, "kind": box.kind, "group": box.group, "lines": list(placed.lines)}
    return {**told, **_place(placed.at)}


def _arrow(placed: PlacedArrow) -> dict[str, Any]:
    arrow = placed.arrow
    told = {
        "start": arrow.start,
        "end": arrow.end,
        "answering": arrow.answering,
        "points": [[round(x, 1), round(y, 1)] for x, y in placed.points],
        "lines": list(placed.lines[:-1]),
    }
    return told if placed.label_at is None else {**told, **_place(placed.label_at)}


def _place(at: Rect) -> dict[str, Any]:
    return {"corner": [round(at.x, 1), round(at.y, 1)], "size": [round(at.w, 1), round(at.h, 1)]}
