"""A drawing in which nothing lies on anything else, whatever the graph."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.config import Config
from cluster.document import load
from cluster.drawing.diagram import Arrow, Box, Diagram, diagram
from cluster.drawing.layout import LABEL_PAD, PAD, SMALL, TITLE, lay_out
from cluster.drawing.placed import Layout, Rect
from cluster.drawing.svg import svg
from cluster.drawing.text_width import width
from cluster.resolve import examine
from tests.cluster.builders import LAPTOP

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))


def config_of(document: dict[str, Any]) -> Config:
    config, _, problems = examine(document, LAPTOP)
    assert config is not None, problems
    return config


@st.composite
def diagrams(draw: st.DrawFn) -> Diagram:
    """Return any graph without cycles, with labels of any length."""
    count = draw(st.integers(1, 9))
    words = st.text(alphabet="abc WM≤ü中", max_size=60)
    groups = st.sampled_from(["choice", "chain", "layer", "model"])
    boxes = tuple(
        Box(
            name=f"n{i}",
            title=draw(words) or "t",
            kind="k",
            group=draw(groups),
            lines=tuple(draw(st.lists(words, max_size=3))),
        )
        for i in range(count)
    )
    pairs = [(i, j) for i, j in combinations(range(count), 2) if boxes[i].group != "model"]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=14)) if pairs else []
    arrows = tuple(
        Arrow(start=f"n{i}", end=f"n{j}", label=draw(words), answering=draw(st.booleans())) for i, j in chosen
    )
    return Diagram(boxes=boxes, arrows=tuple(dict.fromkeys(arrows)))


def rects(layout: Layout) -> list[Rect]:
    labels = [placed.label_at for placed in layout.arrows if placed.label_at is not None]
    return [*(placed.at for placed in layout.boxes), *labels]


def assert_sound(layout: Layout) -> None:
    for one, other in combinations(rects(layout), 2):
        assert not one.overlaps(other), (one, other)
    for rect in rects(layout):
        assert rect.x >= 0
        assert rect.y >= 0
        assert rect.x + rect.w <= layout.width
        assert rect.y + rect.h <= layout.height
    assert_texts_fit(layout)
    assert_arrows_pass_by(layout)


def assert_texts_fit(layout: Layout) -> None:
    for box in layout.boxes:
        inside = box.at.w - 2 * PAD + 0.01
        assert width(box.title, TITLE, bold=True) <= inside
        assert all(width(line, SMALL) <= inside for line in (box.box.kind, *box.lines))
    for arrow in layout.arrows:
        if arrow.label_at is not None:
            assert all(width(line, SMALL) <= arrow.label_at.w - 2 * LABEL_PAD + 0.01 for line in arrow.lines)


def assert_arrows_pass_by(layout: Layout) -> None:
    """A curve stays between the heights of its ends, and in the room between two columns."""
    for placed in layout.arrows:
        others = [rect for rect in rects(layout) if rect is not placed.label_at]
        for at, ((x, y), (to_x, to_y)) in enumerate(zip(placed.points, placed.points[1:], strict=False)):
            if x == to_x:
                continue
            straight = at % 2 == 1
            for rect in others:
                beside = rect.x >= to_x - 0.01 or rect.x + rect.w <= x + 0.01
                above_or_below = straight and not rect.y < y < rect.y + rect.h
                assert beside or above_or_below, (placed.arrow, rect)
            assert not straight or y == to_y


@settings(max_examples=120, deadline=None)
@given(diagrams())
def test_nothing_overlaps_and_every_text_fits(graph: Diagram) -> None:
    """Boxes and labels lie apart, texts inside them, and arrows run over none but their own label."""
    layout = lay_out(graph)
    assert_sound(layout)
    assert {placed.box.name for placed in layout.boxes} == {box.name for box in graph.boxes}
    assert len(layout.arrows) == len(graph.arrows)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_drawn(path: Path) -> None:
    """Every node and every model of each has its box."""
    config = config_of(load(path)[0])
    layout = lay_out(diagram(config))
    assert_sound(layout)
    assert {placed.box.name for placed in layout.boxes} == {"", *config.graph, *config.models}


def test_the_same_graph_is_drawn_the_same_way() -> None:
    """A drawing under version control changes when the graph does."""
    graph = diagram(config_of(load(EXAMPLES[0])[0]))
    assert lay_out(graph) == lay_out(graph)


def test_the_drawing_beside_the_example_is_up_to_date() -> None:
    """``tercet graph examples/laptop.yaml --svg examples/laptop.svg`` draws it anew."""
    (laptop,) = [path for path in EXAMPLES if path.stem == "laptop"]
    drawn = svg(lay_out(diagram(config_of(load(laptop)[0]))), f"Tercet graph of {laptop.name}")
    assert laptop.with_suffix(".svg").read_text(encoding="utf-8") == drawn
