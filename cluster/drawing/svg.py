"""A laid-out diagram as SVG: readable on light and on dark, with nothing in it but shapes and text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from cluster.drawing.diagram import Group
from cluster.drawing.layout import LABEL_PAD, LINE, PAD, SMALL, TITLE
from cluster.drawing.placed import Layout, PlacedArrow, PlacedBox, Rect

_FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"
_BASE = 12.0  # from the top of a line to where its letters stand
_STYLE = f"""
.sheet {{ fill: #ffffff }}
text {{ font-family: {_FONT}; font-size: {SMALL}px; fill: #1f2933 }}
.title {{ font-size: {TITLE}px; font-weight: bold }}
.kind {{ fill: #52606d }}
.box {{ stroke-width: 1.2; fill: #f5f7fa; stroke: #7b8794 }}
.choice {{ fill: #e8f1fd; stroke: #3a78c3 }}
.chain {{ fill: #fdf1e0; stroke: #b7791f }}
.layer {{ fill: #f3effa; stroke: #7d5fb2 }}
.model {{ fill: #e6f5ee; stroke: #2f855a }}
.remote {{ fill: #e6f5ee; stroke: #2f855a; stroke-dasharray: 3 3 }}
.way {{ fill: none; stroke: #616e7c; stroke-width: 1.3 }}
.helper {{ stroke-dasharray: 5 4 }}
.head {{ fill: #616e7c }}
.label {{ fill: #ffffff; stroke: #cbd2d9 }}
@media (prefers-color-scheme: dark) {{
.sheet {{ fill: #14181d }}
text {{ fill: #e4e7eb }}
.kind {{ fill: #9aa5b1 }}
.box {{ fill: #1f2933; stroke: #7b8794 }}
.choice {{ fill: #14283f; stroke: #6ea8e8 }}
.chain {{ fill: #352713; stroke: #e0a94f }}
.layer {{ fill: #271f38; stroke: #ab8fe0 }}
.model {{ fill: #12301f; stroke: #5fbf8c }}
.remote {{ fill: #12301f; stroke: #5fbf8c }}
.way {{ stroke: #9aa5b1 }}
.head {{ fill: #9aa5b1 }}
.label {{ fill: #14181d; stroke: #3e4c59 }}
}}
"""
_ROUND: Mapping[Group, float] = {"client": 14.0, "model": 3.0, "remote": 3.0}
_LEGEND = "dashed: only helps; no client gets its answers"


def svg(layout: Layout, title: str) -> str:
    """Return the drawing as one SVG document; *title* is what a screen reader says."""
    helped = any(not placed.arrow.answering for placed in layout.arrows)
    height = layout.height + (LINE if helped else 0.0)
    body = [
        f'<rect class="sheet" width="{layout.width:.0f}" height="{height:.0f}" rx="8"/>',
        *(line for placed in layout.arrows for line in _way(placed)),
        *(line for placed in layout.arrows for line in _label(placed)),
        *(line for placed in layout.boxes for line in _box(placed)),
    ]
    if helped:
        body.append(_text(_LEGEND, PAD, height - PAD, "kind"))
    size = f'width="{layout.width:.0f}" height="{height:.0f}" viewBox="0 0 {layout.width:.0f} {height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size}>\n<title>{_safe(title)}</title>'
    marker = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'markerUnits="userSpaceOnUse" orient="auto"><path class="head" d="M0 0.5 L8 4 L0 7.5 z"/></marker></defs>'
    )
    return "\n".join([head, f"<style>{_STYLE}</style>", marker, *body, "</svg>\n"])


def _box(placed: PlacedBox) -> Iterator[str]:
    at, group = placed.at, placed.box.group
    if group == "model":
        # The sheets behind say that there may be several of it.
        yield _rect(Rect(x=at.x + 4, y=at.y + 4, w=at.w, h=at.h), f"box {group}", 3)
    yield _rect(at, f"box {group}", _ROUND.get(group, 6.0))
    lines = (placed.title, placed.box.kind, *placed.lines)
    top = at.y + (at.h - LINE * len(lines)) / 2
    for index, line in enumerate(lines):
        style = ("title", "kind")[index] if index < 2 else ""  # noqa: PLR2004 - the name, the kind, then the rest
        yield _text(line, at.x + PAD, top + index * LINE + _BASE, style)


def _way(placed: PlacedArrow) -> Iterator[str]:
    (x, y), *rest = placed.points
    path = [f"M{x:.1f} {y:.1f}"]
    for index, (to_x, to_y) in enumerate(rest):
        if index % 2 or to_x == x:
            path.append(f"L{to_x:.1f} {to_y:.1f}")
        else:
            bend = (to_x - x) / 2
            path.append(f"C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
    style = "way" if placed.arrow.answering else "way helper"
    yield f'<path class="{style}" d="{" ".join(path)}" marker-end="url(#head)"/>'


def _label(placed: PlacedArrow) -> Iterator[str]:
    if placed.label_at is None:
        return
    yield _rect(placed.label_at, "label", 4)
    yield from _lines(placed.lines, placed.label_at)


def _lines(lines: Sequence[str], at: Rect) -> Iterator[str]:
    for index, line in enumerate(lines):
        yield _text(line, at.x + LABEL_PAD, at.y + LABEL_PAD + index * LINE + _BASE, "")


def _rect(at: Rect, style: str, radius: float) -> str:
    place = f'x="{at.x:.1f}" y="{at.y:.1f}" width="{at.w:.1f}" height="{at.h:.1f}"'
    return f'<rect class="{style}" {place} rx="{radius}"/>'


def _text(line: str, x: float, y: float, style: str) -> str:
    named = f" class={quoteattr(style)}" if style else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}">{_safe(line)}</text>'


def _safe(text: str) -> str:
    """Escape *text*, without what XML 1.0 cannot hold at all."""
    return escape("".join(letter if letter.isprintable() else " " for letter in text))
