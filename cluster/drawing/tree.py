"""A diagram as lines of text, from the client down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.drawing.diagram import CLIENT, Arrow, Box, Diagram


def tree(diagram: Diagram) -> Iterator[str]:
    """Yield one line a way, and each node's inside once; nodes that only clients ask for come after the default."""
    boxes = {box.name: box for box in diagram.boxes}
    ways: dict[str, list[Arrow]] = {}
    for arrow in diagram.arrows:
        ways.setdefault(arrow.start, []).append(arrow)
    drawn: set[str] = set()
    yield "no model named"
    yield from _below(CLIENT, boxes, ways, "", drawn)
    led_to = {arrow.end for arrow in diagram.arrows}
    for box in diagram.boxes:
        if box.name not in led_to and box.name != CLIENT:
            yield _told(box)
            yield from _below(box.name, boxes, ways, "", drawn)


def _below(
    name: str, boxes: Mapping[str, Box], ways: Mapping[str, list[Arrow]], indent: str, drawn: set[str]
) -> Iterator[str]:
    for at, arrow in enumerate(ways.get(name, ())):
        last = at == len(ways[name]) - 1
        why = f"{arrow.label} -> " if arrow.label else ""
        helping = "" if arrow.answering else "(helps) "
        seen = arrow.end in drawn
        again = seen and arrow.end in ways
        told = f"{boxes[arrow.end].title} (see above)" if again else _told(boxes[arrow.end], brief=seen)
        yield f"{indent}{'└─ ' if last else '├─ '}{why}{helping}{told}"
        drawn.add(arrow.end)
        if not seen:
            yield from _below(arrow.end, boxes, ways, f"{indent}{'   ' if last else '│  '}", drawn)


def _told(box: Box, *, brief: bool = False) -> str:
    facts = ", ".join((box.kind, *(() if brief else box.lines)))
    return "".join(letter if letter.isprintable() else " " for letter in f"{box.title} ({facts})")
