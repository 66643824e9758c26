"""``tercet deploy``: what it says, and how it exits."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from cluster.cli import app


def run(*arguments: str | Path):
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(one) for one in arguments])


def test_deploy_says_what_it_cannot_read_and_who_does_not_answer(tmp_path):
    """In one line, with exit 1."""
    file = tmp_path / "serve.yaml"
    assert "cannot be read" in run("deploy", file).stderr
    file.write_text("models: {}\n")
    assert "is no Serve config: it has no `applications`." in run("deploy", file).stderr
    file.write_text("applications: []\n")
    result = run("deploy", file, "--address", "http://127.0.0.1:9")
    assert (result.exit_code, "does not answer" in result.stderr) == (1, True)
