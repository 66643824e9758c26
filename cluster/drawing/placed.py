"""Where everything of a drawing lies, in pixels from its top left corner."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.drawing.diagram import Arrow, Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A rectangle by its left, top, width and height."""

    x: float
    y: float
    w: float
    h: float

    @property
    def middle(self) -> float:
        """Return its vertical middle."""
        return self.y + self.h / 2

    def overlaps(self, other: Rect) -> bool:
        """Say whether the two share more than an edge."""
        return (
            self.x < other.x + other.w
            and other.x < self.x + self.w
            and self.y < other.y + other.h
            and other.y < self.y + self.h
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBox:
    """A box with its place and its lines, cut to fit."""

    box: Box
    at: Rect
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedArrow:
    """An arrow as pairs of points: straight within a column, curved from one column to the next."""

    arrow: Arrow
    points: tuple[tuple[float, float], ...]
    label_at: Rect | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The whole drawing."""

    width: float
    height: float
    boxes: tuple[PlacedBox, ...]
    arrows: tuple[PlacedArrow, ...]
