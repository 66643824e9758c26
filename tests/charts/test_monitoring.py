"""What Prometheus and Grafana are given: the product's own rules and dashboards, and each pod's figures once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.config import Config
from cluster.rendering.chart_rules import chart_rules
from cluster.rendering.grafana import dashboards
from cluster.rendering.rules import rules
from deployments.telemetry.catalogue.labels import LABELS
from tests.charts.scraped import relabeled
from tests.charts.tools import CHART, objects, of_kind, of_profile, profile, rendered
from tests.cluster.rendering.alert_cases import case_of_promtool, cases
from tests.prometheus import promtool

DENSE = {"family": "dense", "source": "/models/dense", "slo": {"ttft_p95": "2s"}}
FAR = {"family": "remote", "url": "https://llm.example.com/v1", "model": "large"}
OBJECTIVES: list[dict[str, Any]] = [
    {},
    {"goals": {}, "window": "10d"},
    {"window": "7d", "runbooks": "https://example.com/a 'b': c/", "thresholds": {"brown_out": 0, "flaps": 7}},
    {"window": 2_600_123, "goals": {"quick": {"share": 0.99999}, "a": {"share": " 99.95 %", "whole": "30s"}}},
    {
        "goals": {"answered": {"share": "99.5%", "entries": ["dense"]}},
        "thresholds": {
            "held": 12,
            "cold_start": "20m",
            "cold_start_factor": 1.5,
            "brown_out": "1500ms",
            "kv_used": "87.5%",
            "cost_per_request": {"usd": 0.01, "eur": 1e-5},
        },
    },
]


def values(objectives: dict[str, Any], **rule: Any) -> dict[str, Any]:
    """Return a chart's values with these objectives, two pools of which one has targets, and a remote model."""
    models = {"dense": DENSE, "quiet": {"family": "moe", "source": "/models/moe"}, "far": FAR}
    return {
        "config": {
            "models": models,
            "gateway": {"host": "0.0.0.0"},  # noqa: S104 - a value
            "access": {"open": True},
            "objectives": objectives,
        },
        "workerGroups": {"gpu": {"limits": {"cpu": 4, "memory": "16Gi", "gpus": 1}}},
        "monitoring": {"prometheusRule": {"enabled": True, **rule}},
    }


def carried(told: dict[str, Any]) -> dict[str, Any]:
    """Return the rules that the chart makes of *told*."""
    (found,) = of_kind(objects(rendered(values=told)), "PrometheusRule")
    spec: dict[str, Any] = found["spec"]
    return spec


def test_the_files_are_the_products_own() -> None:
    """`tercet render rules > …/rules.yaml` and `tercet render dashboards --into …/dashboards` take new ones."""
    files = CHART / "files"
    assert yaml.safe_load((files / "rules.yaml").read_text()) == chart_rules()
    assert {path.name: path.read_text() for path in (files / "dashboards").iterdir()} == dashboards()


@pytest.mark.parametrize("objectives", OBJECTIVES, ids=str)
def test_rules_are_those_of_the_document(objectives: dict[str, Any]) -> None:
    """Helm fills in what `tercet render alerts` writes, number for number."""
    told = values(objectives)
    config = Config.model_validate(told["config"])
    assert carried(told) == rules(config, "llm")
    assert carried(values(objectives, namespaced=False)) == rules(config)


def test_an_alert_goes_off_for_its_own_namespace_alone(tmp_path: Path) -> None:
    """With what the chart carries, as Prometheus labels what it scrapes."""
    goals = {"answered": {"share": "99.5%"}, "quick": {"share": "95%", "first_token": "2s"}}
    told = values({"goals": goals, "thresholds": {"cost_per_request": {"usd": 0.01}}})
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(carried(told)), encoding="utf-8")
    promtool("check", "rules", str(file))
    down = next(case for case in cases() if case["alert"] == "TercetPoolDown")
    growing = [case for case in cases() if case["alert"] == "TercetQueueGrowing"]
    here = [case_of_promtool(_in("llm", case)) for case in (cases()[0], down, *growing)]
    elsewhere = [case_of_promtool({**_in("other", down), "labels": []})]
    silent = next(case for case in cases() if case["alert"] == "TercetControllerSilent" and not case["labels"])
    here.append(case_of_promtool({**_in("other", silent), "labels": [{"severity": "page"}]}))
    suite = tmp_path / "tests.yaml"
    suite.write_text(yaml.safe_dump({"rule_files": [file.name], "tests": here + elsewhere}), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", str(suite))


def test_grafana_finds_the_dashboards() -> None:
    """One ConfigMap each, with the label that its sidecar looks for."""
    found = [one for one in of_kind(of_profile("multi-gpu"), "ConfigMap") if "-dashboard-" in one["metadata"]["name"]]
    assert {name: text for one in found for name, text in one["data"].items()} == dashboards()
    assert all(one["metadata"]["labels"]["grafana_dashboard"] == "1" for one in found)
    assert min(one["metadata"]["name"] for one in found) == "t-tercet-dashboard-decisions"


@pytest.mark.parametrize(
    ("name", "kind", "endpoints", "port"),
    [("multi-gpu", "PodMonitor", "podMetricsEndpoints", 8001), ("spot", "ServiceMonitor", "endpoints", 8000)],
)
def test_each_pod_is_a_target_and_a_gateway_is_asked(
    name: str, kind: str, endpoints: str, port: int, tmp_path: Path
) -> None:
    """Prometheus' own code relabels: the address is that of a service that there is, the pod is a parameter."""
    found = of_profile(name)
    (monitor,) = (one for one in of_kind(found, kind) if one["metadata"]["name"] == "t-tercet-parts")
    (endpoint,) = monitor["spec"][endpoints]
    labels = _relabelled(endpoint["relabelings"], tmp_path)
    assert endpoint["honorLabels"] is True
    assert labels["__address__"] == f"t-tercet-metrics-gateway.llm.svc:{port}"
    assert (labels["__param_node"], labels["instance"]) == ("10.0.0.7", "t-head-0")
    (service,) = (one for one in of_kind(found, "Service") if one["metadata"]["name"] == "t-tercet-metrics-gateway")
    assert port in {one["port"] for one in service["spec"]["ports"]}
    assert service["spec"]["publishNotReadyAddresses"] is True


def test_series_say_nothing_of_their_own_that_the_operator_says_of_targets() -> None:
    """`endpoint` aside, which of both is ours: what a series says has the upper hand."""
    assert LABELS.keys() & {"namespace", "pod", "container", "service", "job", "instance", "endpoint"} == {"endpoint"}


def test_monitors_carry_the_token_where_one_is_named() -> None:
    """It goes to gateways alone; Ray's and HAProxy's metrics need none."""
    monitors = {one["metadata"]["name"]: one["spec"] for one in of_kind(of_profile("multi-gpu"), "PodMonitor")}
    (parts,) = monitors["t-tercet-parts"]["podMetricsEndpoints"]
    assert parts["authorization"] == {"credentials": {"name": "tercet-admin", "key": "token"}}
    assert "authorization" not in str(monitors["t-tercet-ray"])


def test_nothing_of_it_is_there_unless_it_is_asked_for() -> None:
    """Each has a switch."""
    off = {one: {"enabled": False} for one in ("podMonitor", "serviceMonitor", "prometheusRule", "dashboards")}
    found = objects(rendered(profile("multi-gpu"), values={"monitoring": off}))
    assert not {one["kind"] for one in found} & {"PodMonitor", "ServiceMonitor", "PrometheusRule", "ConfigMap"}
    assert not [one for one in found if "-metrics" in one["metadata"]["name"]]


def _in(namespace: str, case: dict[str, Any]) -> dict[str, Any]:
    """Put the series of a case into a namespace."""
    series = {}
    for name, told in case["series"].items():
        bare, _, labels = name.partition("{")
        series[f'{bare}{{namespace="{namespace}", {labels}' if labels else f'{bare}{{namespace="{namespace}"}}'] = told
    return {**case, "series": series}


def _relabelled(relabelings: list[dict[str, Any]], folder: Path) -> dict[str, str]:
    """Return what Prometheus makes of the labels of one pod."""
    known = {"namespace": "llm", "pod_ip": "10.0.0.7", "pod_name": "t-head-0"}
    labels = {f"__meta_kubernetes_{name}": told for name, told in known.items()}
    job = {
        "job_name": "parts",
        "static_configs": [{"targets": ["10.0.0.7:8080"], "labels": labels}],
        "relabel_configs": relabeled(relabelings),
    }
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump({"scrape_configs": [job]}), encoding="utf-8")
    (told,) = json.loads(promtool("check", "service-discovery", "--timeout=3s", str(file), "parts"))
    found: dict[str, str] = told["labels"]
    return found
