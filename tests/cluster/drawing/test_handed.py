"""The drawing that gateways show has room for what is written on it while it is watched."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from cluster.document import load
from cluster.drawing.diagram import diagram
from cluster.drawing.handed import COUNTED, FIGURES, handed
from cluster.drawing.layout import PAD, SMALL, lay_out
from cluster.drawing.text_width import width
from deployments.page.drawing import Drawing
from tests.cluster.drawing.test_layout import EXAMPLES, config_of, rects


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_gateway_takes_it_as_it_is(example: Path) -> None:
    """Every arrow and every box, with no line of a label that was left for figures."""
    config = config_of(load(example)[0])
    drawing = Drawing.model_validate(handed(config))
    shown = diagram(config)
    assert {box.name for box in drawing.boxes} == {box.name for box in shown.boxes}
    assert {(one.start, one.end) for one in drawing.arrows} == {(one.start, one.end) for one in shown.arrows}
    assert not any(FIGURES in one.lines for one in drawing.arrows)


def test_what_no_gateway_would_take_is_not_drawn() -> None:
    """The page shows its table instead."""
    config = config_of(load(EXAMPLES[0])[0])
    arrows = len(diagram(config).arrows)
    assert handed(config, arrows) is not None
    assert handed(config, arrows - 1) is None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_figures_fit_and_cover_nothing(example: Path) -> None:
    """In every label."""
    layout = lay_out(diagram(config_of(load(example)[0])), FIGURES)
    labels = [placed.label_at for placed in layout.arrows if placed.label_at is not None]
    assert labels
    assert all(label.w >= width(FIGURES, SMALL) for label in labels)
    assert not any(one.overlaps(other) for one, other in combinations(rects(layout), 2))


def test_replicas_are_counted_beside_a_pools_kind() -> None:
    """Neither is written over the other, where no other line of the box is as long."""
    pool = {"family": "distilled", "source": "synthetic", "runtime": "synthetic"}
    (box,) = Drawing.model_validate(handed(config_of({"models": {"d": pool}}))).boxes[1:]
    assert box.kind == "distilled pool"
    line = width(f"{box.kind} ", SMALL) + width(COUNTED, SMALL, bold=True)
    assert line <= box.size[0] - 2 * PAD + 0.1
