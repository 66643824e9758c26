"""Give every box, label and bend of a diagram its place, in pixels from the top left corner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cluster.drawing.arrows import PORTS_APART, arrows
from cluster.drawing.chains import Chained, chained
from cluster.drawing.columns import Columns, Item, columns
from cluster.drawing.diagram import Arrow, Box, Diagram
from cluster.drawing.placed import Layout, PlacedArrow, PlacedBox, Rect
from cluster.drawing.stack import stacked
from cluster.drawing.text_width import clipped, width, wrapped

TITLE, SMALL = 14.0, 11.5  # font sizes
LINE = 16.0
PAD = 10.0
LABEL_PAD = 5.0
MARGIN = 24.0
BETWEEN_COLUMNS = 34.0
FEW, MORE_ROOM = 4, 5.0  # for each arrow more than a few
BETWEEN_ROWS = 18.0
BETWEEN_LINKS = 20.0
WIDEST_LABEL = 170.0
WIDEST_BOX = 250.0
NARROWEST_BOX = 110.0
MOST_LINES = 3  # of one option or fact
ROUNDS = 24


def lay_out(diagram: Diagram, figures: str = "", counted: str = "") -> Layout:
    """Place everything; no two boxes or labels overlap, and no arrow runs over one that is not its own.

    With *figures* every arrow's label has a last line as wide as that, for what is written there later, and *counted*
    has room beside the kind of every pool.
    """
    chains = chained(diagram)
    sorted_ = columns(chains.diagram)
    texts = {key: tuple(wrapped(item.label, SMALL, WIDEST_LABEL)) for key, item in sorted_.items.items()}
    if figures:
        texts.update({way[1]: (*texts[way[1]], figures) for _, way in sorted_.ways})
    sizes = {key: _size(item, chains, texts[key], counted) for key, item in sorted_.items.items()}
    lefts, widths = _columns(sorted_, sizes)
    tops = _rows(sorted_, {key: high for key, (_, high) in sizes.items()}, _doors(sorted_, sizes, chains))
    places = {
        key: Rect(
            x=lefts[item.column],
            y=tops[key],
            w=widths[item.column] if item.box is not None else sizes[key][0],
            h=sizes[key][1],
        )
        for key, item in sorted_.items.items()
    }
    boxes = {
        placed.box.name: placed
        for key, item in sorted_.items.items()
        if item.box is not None
        for placed in _chain(chains.boxes[item.box], places[key])
    }
    return Layout(
        width=lefts[-1] + widths[-1] + MARGIN,
        height=max(place.y + place.h for place in places.values()) + MARGIN,
        boxes=tuple(boxes.values()),
        arrows=(
            *(_from_its_own(placed, chains) for placed in arrows(sorted_, places, texts, widths, _ends(chains, boxes))),
            *(_link(link, boxes) for link in chains.links),
        ),
    )


def _columns(sorted_: Columns, sizes: Mapping[str, tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return each column's left and width: less room between them where arrows only bend, more where there are many."""
    widths = [max((sizes[key][0] for key in column), default=0.0) for column in sorted_.columns]
    lefts, x = [], MARGIN
    for at, wide in enumerate(widths):
        lefts.append(x)
        passing = sum(len(sorted_.items[key].after) for key in sorted_.columns[at])
        room = BETWEEN_COLUMNS if min(widths[at : at + 2]) else 0.7 * BETWEEN_COLUMNS
        x += wide + room + MORE_ROOM * max(0, passing - FEW)
    return lefts, widths


def _size(item: Item, chains: Chained, lines: Sequence[str], counted: str) -> tuple[float, float]:
    if item.box is None:
        wide = max((width(line, SMALL) for line in lines), default=0.0)
        return (wide + 2 * LABEL_PAD, len(lines) * LINE + 2 * LABEL_PAD) if lines else (0.0, 0.0)
    sizes = [_box_size(box, max(len(item.before), len(item.after)), counted) for box in chains.boxes[item.box]]
    return max(wide for wide, _ in sizes), sum(high for _, high in sizes) + (len(sizes) - 1) * BETWEEN_LINKS


def _box_size(box: Box, arrows_: int, counted: str = "") -> tuple[float, float]:
    lines = _lines(box)
    beside = width(f" {counted}", SMALL, bold=True) if counted and box.group == "model" else 0.0
    wide = max([width(box.kind, SMALL) + beside, *(width(line, SMALL) for line in lines)])
    head = max(wide, min(width(box.title, TITLE, bold=True), WIDEST_BOX - 2 * PAD))
    return max(NARROWEST_BOX, head + 2 * PAD), max(2 * PAD + LINE * (2 + len(lines)), (arrows_ + 1) * PORTS_APART)


def _lines(box: Box) -> tuple[str, ...]:
    most = WIDEST_BOX - 2 * PAD
    return tuple(line for text in box.lines for line in _shortened(wrapped(text, SMALL, most), most))


def _shortened(lines: list[str], most: float) -> list[str]:
    """Return the first lines, showing where there would be more."""
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], clipped(f"{lines[MOST_LINES - 1]} …", SMALL, most)]


def _chain(boxes: Sequence[Box], at: Rect) -> list[PlacedBox]:
    """Put the boxes of a chain below one another; what is left of the height goes to the last."""
    placed, y = [], at.y
    for box in boxes:
        high = _box_size(box, 0)[1] if box is not boxes[-1] else at.y + at.h - y
        place = Rect(x=at.x, y=y, w=at.w, h=high)
        title = clipped(box.title, TITLE, at.w - 2 * PAD, bold=True)
        placed.append(PlacedBox(box=box, at=place, title=title, lines=_lines(box)))
        y += high + BETWEEN_LINKS
    return placed


def _ends(chains: Chained, boxes: Mapping[str, PlacedBox]) -> Mapping[str, tuple[float, float]]:
    """Return at which heights arrows come to a chain and leave it: at its first box and at its last."""
    return {
        first: (boxes[chain[0].name].at.middle, boxes[chain[-1].name].at.middle)
        for first, chain in chains.boxes.items()
    }


def _from_its_own(placed: PlacedArrow, chains: Chained) -> PlacedArrow:
    """Return the arrow as that of the box it leaves: a chain is left at its last."""
    start = chains.boxes[placed.arrow.start][-1].name
    return replace(placed, arrow=replace(placed.arrow, start=start))


def _link(link: Arrow, boxes: Mapping[str, PlacedBox]) -> PlacedArrow:
    above, below = boxes[link.start].at, boxes[link.end].at
    x = above.x + above.w / 2
    return PlacedArrow(arrow=link, points=((x, above.y + above.h), (x, below.y)))


def _doors(
    sorted_: Columns, sizes: Mapping[str, tuple[float, float]], chains: Chained
) -> dict[str, tuple[float, float]]:
    """Return how far below its top each item is come to and left: in its middle, a chain at its two ends."""
    doors = {key: (high / 2, high / 2) for key, (_, high) in sizes.items()}
    for key, item in sorted_.items.items():
        chain = chains.boxes[item.box] if item.box is not None else ()
        if len(chain) > 1:
            doors[key] = (_box_size(chain[0], 0)[1] / 2, sizes[key][1] - _box_size(chain[-1], 0)[1] / 2)
    return doors


def _rows(sorted_: Columns, heights: Mapping[str, float], doors: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Return each item's top: as near to its neighbours' middles as the order of its column leaves it."""
    tops: dict[str, float] = {}
    for column in sorted_.columns:
        tops.update(_column(dict.fromkeys(column, 0.0), column, heights, sorted_))
    for at in range(ROUNDS):
        ordered = sorted_.columns if at % 2 == 0 else tuple(reversed(sorted_.columns))
        for column in ordered:
            wanted = {key: _wanted(key, sorted_.items[key], tops, doors, back=at % 2 == 0) for key in column}
            tops.update(_column(wanted, column, heights, sorted_))
    highest = min(tops.values())
    return {key: top - highest + MARGIN for key, top in tops.items()}


def _column(
    wanted: Mapping[str, float], column: Sequence[str], heights: Mapping[str, float], sorted_: Columns
) -> dict[str, float]:
    # The bends of a long arrow pull harder, so that it stays straight.
    pull = [1.0 if sorted_.items[key].box is not None else 4.0 for key in column]
    tops = stacked([wanted[key] for key in column], [heights[key] for key in column], pull, BETWEEN_ROWS)
    return dict(zip(column, tops, strict=True))


def _wanted(
    key: str, item: Item, tops: Mapping[str, float], doors: Mapping[str, tuple[float, float]], *, back: bool
) -> float:
    """Return the top at which the arrows to the items before, or to those after, would be level."""
    back = bool(item.before) if back else not item.after
    near = item.before if back else item.after
    # An arrow leaves by the second door and comes to the first.
    heights = [tops[one] + doors[one][back] for one in near]
    return sum(heights) / len(heights) - doors[key][not back] if heights else tops[key]
