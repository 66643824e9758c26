"""``tercet status`` at the command line."""

from __future__ import annotations

import socket

import typer
from typer.testing import CliRunner

from cluster.commands.status import status


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(status)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_where_nothing_runs_one_sentence_says_so() -> None:
    """Exit 1, a way out, and no stack trace."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        code, output = run("--port", str(unused.getsockname()[1]))
    assert code == 1
    assert output.startswith("tercet status: no Tercet runs here")
    assert "Traceback" not in output
    assert len(output.strip().splitlines()) == 1


def test_an_unknown_option_is_a_usage_error() -> None:
    """Exit 2, as for every command."""
    assert run("--colour")[0] == 2
