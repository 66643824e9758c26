"""The alert rules: valid for Prometheus, about series that gateways have, and fired by what they are about."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.errors import ServingError
from tests.charts.tools import CHART, ROOT

RULES = CHART / "files" / "alerts"


def test_promtool_takes_the_rules_and_fires_them_when_it_should(tmp_path):
    """Debian's package `prometheus` brings promtool."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("there is no promtool on the path: apt-get install prometheus")
    for rules in RULES.glob("*.yaml"):
        checked = subprocess.run(
            [program, "check", "rules", rules], capture_output=True, text=True, timeout=60, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(_cases(RULES / "serving.yaml")))
    fired = subprocess.run(
        [program, "test", "rules", tmp_path / "test.yaml"], capture_output=True, text=True, timeout=60, check=False
    )
    assert fired.returncode == 0, fired.stdout + fired.stderr


def test_failures_are_what_clients_are_not_to_blame_for():
    """Exactly the codes of errors with a status of 500 or more."""
    (rule,) = (rule for rule in _rules() if rule["alert"] == "TercetRequestsFail")
    (listed,) = re.findall(r'outcome=~"([^"]*)"', rule["expr"])
    assert set(listed.split("|")) == {one.code for one in _errors(ServingError) if one.status >= 500}


def test_rules_ask_for_series_that_are_written_down():
    """A renamed metric would leave an alert that never fires."""
    sources = [path.read_text() for path in (ROOT / "deployments" / "telemetry").glob("*.py")]
    for rule in _rules():
        for name in re.findall(r"tercet_[a-z_]+", rule["expr"]):
            short = name.removeprefix("tercet_").removesuffix("_total")
            assert any(f'"{short}"' in text or f'"tercet_{short}"' in text for text in sources), name


def _rules() -> list[dict[str, Any]]:
    groups = (group for path in RULES.glob("*.yaml") for group in yaml.safe_load(path.read_text())["groups"])
    return [rule for group in groups for rule in group["rules"]]


def _errors(one: type[ServingError]) -> Iterator[type[ServingError]]:
    yield one
    for below in one.__subclasses__():
        yield from _errors(below)


def _cases(rules: Path) -> dict[str, Any]:
    """Return promtool's tests: each alert with series that fire it, and with others that do not."""

    def case(alert: str, at: str, *series: tuple[str, str], labels: dict[str, str] | None) -> dict[str, Any]:
        annotations = next(rule for rule in _rules() if rule["alert"] == alert)["annotations"]
        expected = [] if labels is None else [{"exp_labels": {"namespace": "llm", **labels}}]
        told = [{**one, "exp_annotations": _filled(annotations, one["exp_labels"], alert)} for one in expected]
        return {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in series],
            "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": told}],
        }

    failing = 'tercet_requests_total{namespace="llm",outcome="engine_failed"}'
    invalid = 'tercet_requests_total{namespace="llm",outcome="invalid_request"}'
    fine = 'tercet_requests_total{namespace="llm",outcome="ok"}'
    target, ready = (f'tercet_autoscale_{one}{{namespace="llm",pool="dense"}}' for one in ("target", "ready"))
    pool, up = {"pool": "dense"}, 'tercet_audit_up{namespace="llm"}'
    return {
        "rule_files": [str(rules)],
        "tests": [
            case("TercetRequestsFail", "20m", (failing, "0+10x30"), (fine, "0+90x30"), labels={"severity": "page"}),
            case("TercetRequestsFail", "20m", (failing, "0+1x30"), (fine, "0+99x30"), labels=None),
            case("TercetRequestsFail", "20m", (invalid, "0+50x30"), (fine, "0+50x30"), labels=None),
            case(
                "TercetPoolWithoutReplica",
                "15m",
                (target, "1x30"),
                (ready, "0x30"),
                labels={"severity": "page", **pool},
            ),
            case("TercetPoolWithoutReplica", "15m", (target, "0x30"), (ready, "0x30"), labels=None),
            case("TercetPoolTooSmall", "25m", (target, "3x30"), (ready, "1x30"), labels={"severity": "ticket", **pool}),
            case("TercetPoolTooSmall", "25m", (target, "3x30"), (ready, "3x30"), labels=None),
            case("TercetAuditDown", "5m", (up, "0x10"), labels={"severity": "page"}),
            case("TercetAuditDown", "5m", (up, "1x10"), labels=None),
        ],
    }


def _filled(annotations: dict[str, str], labels: dict[str, str], alert: str) -> dict[str, str]:
    """Fill in what the templates say for the one value that each case has."""
    value = {"TercetRequestsFail": "10%", "TercetPoolTooSmall": "2"}.get(alert, "")
    known = {"$value | humanizePercentage": value, "$value": value, "$labels.pool": labels.get("pool", "")}
    return {name: re.sub(r"\{\{ (.*?) \}\}", lambda found: known[found[1]], text) for name, text in annotations.items()}
