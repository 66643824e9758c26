"""The example that shows every kind of node."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.config import Config
from cluster.document import load
from cluster.drawing.diagram import diagram
from deployments.graph.compile import kind_of
from deployments.nodes.registry import KINDS
from tests.cluster.drawing.test_layout import config_of

FILE = Path(__file__).parents[2] / "examples" / "graph.yaml"


@pytest.fixture(scope="module")
def config() -> Config:
    return config_of(load(FILE)[0])


def test_it_has_every_kind(config: Config) -> None:
    """Whoever adds a kind shows it here."""
    assert {kind_of(spec) for spec in config.graph.values()} == KINDS.keys()


def test_every_node_explains_itself(config: Config) -> None:
    """Each says at least one reason, in words that a terminal can show."""
    for name, spec in config.graph.items():
        result = CliRunner().invoke(app, ["explain", str(FILE), "--model", name, "--prompt", "What is 17 * 23?"])
        assert result.exit_code == 0, result.output
        path, _, node, reason, *_ = result.output.splitlines()
        assert path.startswith(f"path: {name}")
        assert node == f"{name} ({kind_of(spec)})"
        assert reason.startswith("  - ")
        assert all(line.isprintable() for line in result.output.splitlines())


def test_helpers_are_drawn_as_such(config: Config) -> None:
    """A shadow's candidate and a summariser answer no client."""
    helpers = {(arrow.start, arrow.end) for arrow in diagram(config).arrows if not arrow.answering}
    assert helpers == {("watched", "next"), ("long", "distilled")}
