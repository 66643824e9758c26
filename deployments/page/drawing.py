"""The drawing of a graph as the page is given it: where every box, arrow and label lies, in pixels."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deployments.strict import Strict

MOST = 5_000

Group = Literal["client", "choice", "chain", "layer", "model", "remote"]
Point = tuple[float, float]


class DrawnBox(Strict):
    """One node, model or, without a name, the clients; the corner is the top left one."""

    name: str
    title: str
    kind: str
    group: Group
    lines: tuple[str, ...] = ()
    corner: Point
    size: Point


class DrawnArrow(Strict):
    """A way that requests go, as pairs of points; its label's last line is left for figures.

    One that is not ``answering`` leads to a helper. Without a ``corner`` it has no label.
    """

    start: str
    end: str
    answering: bool = True
    points: tuple[Point, ...] = Field(min_length=2)
    lines: tuple[str, ...] = ()
    corner: Point | None = None
    size: Point | None = None


class Drawing(Strict):
    """The whole drawing."""

    size: Point
    boxes: tuple[DrawnBox, ...] = Field(max_length=MOST)
    arrows: tuple[DrawnArrow, ...] = Field(max_length=MOST)
