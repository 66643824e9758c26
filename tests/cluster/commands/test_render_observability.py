"""``tercet render alerts|dashboards|metrics``: files on disk or on the terminal, and errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cluster.cli import app
from tests.cluster.builders import document, model

RUNNER = CliRunner()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tercet.yaml"
    path.write_text(yaml.safe_dump(document(models={"dense": model(runtime="synthetic")})), encoding="utf-8")
    return path


def test_rules_are_printed_unless_there_is_a_folder(file: Path, tmp_path: Path) -> None:
    """The same text."""
    printed = RUNNER.invoke(app, ["render", "alerts", str(file)])
    assert printed.exit_code == 0, printed.output
    assert {group["name"] for group in yaml.safe_load(printed.stdout)["groups"]} >= {"tercet-goals", "tercet-alerts"}
    into = tmp_path / "new" / "rules"
    written = RUNNER.invoke(app, ["render", "alerts", str(file), "--into", str(into)])
    assert written.stdout == f"{into / 'tercet-rules.yaml'}\n"
    assert (into / "tercet-rules.yaml").read_text(encoding="utf-8") == printed.stdout


def test_the_operator_s_form_is_chosen_by_an_option(file: Path) -> None:
    """A PrometheusRule."""
    told = RUNNER.invoke(app, ["render", "alerts", str(file), "--operator"])
    assert yaml.safe_load(told.stdout)["kind"] == "PrometheusRule"


def test_rules_may_be_about_one_namespace(file: Path) -> None:
    """Every rule asks for it and is labelled with it."""
    told = yaml.safe_load(RUNNER.invoke(app, ["render", "alerts", str(file), "--namespace", "llm"]).stdout)
    every = [rule for group in told["groups"] for rule in group["rules"]]
    assert {rule["labels"]["namespace"] for rule in every} == {"llm"}
    named = [rule["expr"] for rule in every if not rule["expr"].startswith("vector(")]
    assert all('{namespace="llm"' in expr for expr in named)


def test_dashboards_and_the_page_need_no_document(tmp_path: Path) -> None:
    """They are the same for every cluster."""
    boards = RUNNER.invoke(app, ["render", "dashboards", "--into", str(tmp_path)])
    assert boards.exit_code == 0, boards.output
    assert len(json.loads((tmp_path / "tercet-fleet.json").read_text(encoding="utf-8"))["panels"]) > 20
    page = RUNNER.invoke(app, ["render", "metrics"])
    assert page.stdout.startswith("# Metrics\n")


def test_a_broken_document_is_told_as_everywhere(tmp_path: Path) -> None:
    """By field, with exit code 1."""
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(document(objectives={"goals": {"a": {"share": 2}}})), encoding="utf-8")
    told = RUNNER.invoke(app, ["render", "alerts", str(path)])
    assert told.exit_code == 1
    assert "objectives.goals.a.share" in told.output


def test_a_folder_that_cannot_be_written_is_told(file: Path) -> None:
    """In one line, with exit code 1."""
    told = RUNNER.invoke(app, ["render", "alerts", str(file), "--into", str(file)])
    assert told.exit_code == 1
    assert "tercet render:" in told.output
