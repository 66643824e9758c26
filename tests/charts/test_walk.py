"""The README's way from `helm install` to a tuned policy: its values and its commands are taken as they stand."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cluster.cli import app
from cluster.declared.declaration import Declaration, planned
from cluster.plan import Plan
from tests.charts.tools import ROOT, objects, of_kind, rendered, serve_config
from tests.charts.valid import complaints

SECTION = (ROOT / "README.md").read_text().partition("\n## Kubernetes and operations\n")[2].partition("\n## ")[0]
# A whole comparison takes minutes; what is left out here is tested where it belongs.
SHORTER = {"backtest": ["--policy", "config", "--no-hindsight"], "tune": ["--tries", "2", "--until", "300s"]}


def values() -> dict[str, Any]:
    """Return `my.yaml`."""
    (block,) = re.findall(r"```yaml\n(# my.yaml\n.*?)```", SECTION, re.DOTALL)
    told: dict[str, Any] = yaml.safe_load(block)
    return told


def test_its_values_install() -> None:
    """Valid for Kubernetes and for Tercet, with rules, dashboards and a monitor."""
    found = objects(rendered(values=values()))
    assert complaints(found) == []
    told = serve_config(found)["applications"][0]["deployments"][0]["user_config"]
    plan = planned(Declaration.model_validate(told), look=lambda _: None)
    assert isinstance(plan, Plan), [str(problem) for problem in plan]
    assert plan.gateway.settings["default"] == "auto"
    kinds = [len(of_kind(found, kind)) for kind in ("PodMonitor", "PrometheusRule", "ConfigMap")]
    assert kinds == [2, 1, 4]


@pytest.mark.parametrize("command", ["backtest", "tune"])
def test_its_commands_read_what_gateways_recorded(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document out of the values, and the folder of records, as the lines before have brought them."""
    (line,) = re.findall(rf"^\$ tercet ({command} .*)$", SECTION, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    Path("tercet.json").write_text(json.dumps(values()["config"]))
    Path("records").mkdir()
    records = [
        {"at_s": 1.7e9 + at, "path": ["auto", "dense"], "prompt_tokens": 90, "completion_tokens": 30}
        for at in range(600)
    ]
    Path("records", "auto.1.a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    done = CliRunner().invoke(app, [*shlex.split(line), *SHORTER[command]])
    assert done.exit_code == 0, done.output
    if command == "tune":
        assert "policy" in yaml.safe_load(done.stdout)["autoscale"]
    else:
        assert Path("report.html").stat().st_size > 10_000
