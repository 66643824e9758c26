"""Rules of Prometheus: sound, about series that there are, and going off when they should."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.config import Config
from cluster.rendering.rules import prometheus_rule, rules, rules_file
from deployments.telemetry.catalogue.catalogue import samples
from tests.cluster.builders import document, model
from tests.cluster.rendering.alert_cases import case_of_promtool, cases
from tests.prometheus import promtool

RUNBOOKS = Path(__file__).parents[3] / "docs/runbooks"
NAMES = re.compile(r"\b(?:tercet|gen_ai)_[a-z0-9_]+")
RECORDED = re.compile(r"\btercet:[a-z0-9_:]+")


def config(**objectives: Any) -> Config:
    spec = {
        "goals": {"answered": {"share": "99.5%"}, "quick": {"share": "95%", "first_token": "2s"}},
        "thresholds": {"cost_per_request": {"usd": 0.01}},
        **objectives,
    }
    models = {"dense": model(runtime="synthetic", slo={"ttft_p95": "2s"})}
    return Config.model_validate(document(models=models, objectives=spec))


def every_rule(**objectives: Any) -> list[dict[str, Any]]:
    return [rule for group in rules(config(**objectives))["groups"] for rule in group["rules"]]


def test_rules_ask_for_series_that_there_are() -> None:
    """By the catalogue, with labels that they have; and for nothing recorded that is not."""
    known, every = samples(), every_rule()
    recorded = {rule["record"] for rule in every if "record" in rule}
    for rule in every:
        assert set(NAMES.findall(rule["expr"])) <= set(known), rule
        assert set(RECORDED.findall(rule["expr"])) <= recorded, rule


def test_each_alert_has_a_page_and_a_case() -> None:
    """That says what it means and what to do; no page is left of an alert that is gone."""
    told = [rule for rule in every_rule() if "alert" in rule]
    pages = {rule["annotations"]["runbook_url"].removeprefix("docs/runbooks/"): rule["alert"] for rule in told}
    assert set(pages) == {path.name for path in RUNBOOKS.iterdir()}
    for page, alert in pages.items():
        text = (RUNBOOKS / page).read_text(encoding="utf-8")
        assert text.startswith(f"# {alert}\n")
        assert all(f"**{part}.**" in text for part in ("What it means", "Look at", "Do")), page
    assert {rule["alert"] for rule in told} == {case["alert"] for case in cases()}


def test_pages_ask_for_series_that_there_are() -> None:
    """An operator in a hurry should not meet a query without data."""
    for page in RUNBOOKS.iterdir():
        assert set(NAMES.findall(page.read_text(encoding="utf-8"))) <= set(samples()), page.name


def test_a_short_window_leaves_out_what_would_be_no_burn() -> None:
    """10 % of a week in three days is less than its share."""
    windows = [
        rule["labels"]["window"] for rule in every_rule(window="7d") if rule.get("alert") == "TercetErrorBudgetBurn"
    ]
    assert windows == ["1h", "6h"]


def test_what_is_recorded_is_there_until_it_is_recorded_again() -> None:
    """Prometheus takes a sample of five minutes ago for gone; half of that leaves room for a late evaluation."""
    intervals = [group["interval"] for group in rules(config())["groups"] if "interval" in group]
    assert intervals
    assert all(one.endswith("m") and float(one[:-1]) <= 2.5 for one in intervals)


def test_the_prometheus_operator_has_them_as_its_own_kind() -> None:
    """The same groups."""
    told = yaml.safe_load(prometheus_rule(config(), labels={"release": "x"}))
    assert (told["apiVersion"], told["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert told["spec"] == rules(config())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(rules_file(config()), encoding="utf-8")
    return path


def test_promtool_accepts_them(file: Path) -> None:
    """Names, templates and expressions."""
    assert f"{len(every_rule())} rules found" in promtool("check", "rules", str(file))


def test_each_alert_goes_off_when_it_should(file: Path) -> None:
    """And not for what lies beside it; ``promtool`` runs Prometheus' own engine."""
    tests = [case_of_promtool(case) for case in cases()]
    tested = file.with_name("tests.yaml")
    tested.write_text(
        yaml.safe_dump({"rule_files": [file.name], "evaluation_interval": "1m", "tests": tests}), encoding="utf-8"
    )
    assert "SUCCESS" in promtool("test", "rules", str(tested))


def test_processes_that_are_missing_add_up(file: Path) -> None:
    """Where each pod is a target, each has its own on its page."""
    (rule,) = (rule for rule in every_rule() if rule.get("alert") == "TercetProcessesMissing")
    series = 'tercet_exposition_processes{{kind="replica",outcome="missing",instance="{}"}}'
    test = {
        "interval": "1m",
        "input_series": [{"series": series.format(pod), "values": "1x10"} for pod in "abc"],
        "promql_expr_test": [
            {"expr": rule["expr"], "eval_time": "5m", "exp_samples": [{"labels": '{kind="replica"}', "value": 3}]}
        ],
    }
    tested = file.with_name("tests.yaml")
    tested.write_text(yaml.safe_dump({"rule_files": [file.name], "tests": [test]}), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", str(tested))
