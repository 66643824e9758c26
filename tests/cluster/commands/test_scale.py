"""``tercet scale`` on the command line: wrong usage and no cluster are told in one sentence."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.ports import free_ports


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["scale", *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["explain", "dense"],
        ["approve", "ab"],
        ["reject", "ab"],
        ["pin", "dense", "2", "--why", "x"],
        ["unpin", "d"],
    ],
)
def test_without_a_cluster_every_action_says_so(command: list[str]) -> None:
    """And ends with 1."""
    port = str(free_ports(["here"])["here"])
    code, output = run(*command, "--port", port)
    assert code == 1
    assert "tercet scale: no Tercet runs here" in output


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["pin", "dense", "2", "--for", "soon", "--why", "x"], "a duration such as"),
        (["pin", "dense", "-1", "--why", "x"], "-1"),
        (["pin", "dense", "2"], "--why"),
        (["stretch"], "stretch"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_asked(command: list[str], told: str) -> None:
    """With 2, and the option at fault."""
    code, output = run(*command)
    assert code == 2
    assert told in output
