"""Every profile, in both modes, is what helm, Kubernetes, KubeRay and Tercet itself take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cluster.declared.declaration import Declaration, planned
from cluster.declared.serve_config import serve_config as declared
from cluster.plan import Plan
from tests.charts.tools import (
    CHART,
    MODES,
    PROFILES,
    objects,
    of_kind,
    of_profile,
    pod_templates,
    profile,
    rendered,
    run,
    serve_config,
)
from tests.charts.valid import CRDS, complaints, judged

EACH = pytest.mark.parametrize("name", PROFILES)
BOTH = pytest.mark.parametrize("mode", MODES)


@EACH
@BOTH
def test_helm_lint_has_nothing_to_say(name, mode):
    """`helm lint --strict` fails on warnings as well."""
    result = run("helm", "lint", "--strict", CHART, "--values", profile(name), "--set", f"mode={mode}")
    assert result.returncode == 0, result.stdout + result.stderr


@EACH
@BOTH
def test_kubernetes_takes_every_object(name, mode):
    """Against the schemas of Kubernetes and, where they are there, of the custom resources; no unknown field."""
    assert complaints(of_profile(name, mode)) == []


def test_the_definitions_of_custom_resources_are_there():
    """Without them RayServices and monitors are not judged, and the run says so."""
    if not CRDS.is_dir():
        pytest.skip(f"{CRDS} is not there: objects of KubeRay and of the Prometheus Operator are not validated")
    assert all(judged(kind) for kind in ("RayService", "PodMonitor", "ServiceMonitor", "PrometheusRule"))


@EACH
@BOTH
def test_the_chart_carries_the_config_that_render_prints(name, mode):
    """Templates and `tercet render serve` derive the same Serve config from the same document."""
    carried = serve_config(of_profile(name, mode))
    told = carried["applications"][0]["deployments"][0]["user_config"]
    declaration = Declaration.model_validate(told)
    expected = declared(declaration)
    assert told["document"] == yaml.safe_load(profile(name).read_text())["config"]
    carried["applications"][0]["deployments"][0]["user_config"] = declaration.model_dump(mode="json")
    assert carried == expected


@EACH
def test_tercet_finds_no_problem_in_the_document(name):
    """What would be refused in the cluster is refused here; folders of checkpoints are taken to be there."""
    told = serve_config(of_profile(name))["applications"][0]["deployments"][0]["user_config"]
    plan = planned(Declaration.model_validate(told), look=lambda _: None)
    assert isinstance(plan, Plan), [str(problem) for problem in plan]
    assert plan.gateway.resources == {"tercet-gateway": 1.0}


def test_without_values_the_demonstration_is_served():
    """`helm install tercet ./helm/tercet` is all; its profile says the same in words of its own."""
    assert rendered() == rendered(profile("cpu-demo"))
    assert (CHART / "files" / "demo.yaml").read_text() == profile("cpu-demo").read_text()


def test_the_demonstration_takes_what_it_is_told():
    """Its groups are there beside those of the values, which say more of its own as well."""
    told = {"workerGroups": {"engines": {"limits": {"cpu": 8, "memory": "14Gi"}}}, "longestAnswerSeconds": 3600}
    parts = dict(pod_templates(objects(rendered(values=told))))
    limits = parts["engines"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"cpu": "8", "memory": "14Gi"}
    assert parts["engines"]["spec"]["terminationGracePeriodSeconds"] == 3660
    more = {"workerGroups": {"more": {"limits": {"cpu": 1, "memory": "1Gi"}}}}
    assert {"engines", "more"} <= dict(pod_templates(objects(rendered(values=more)))).keys()


@EACH
@BOTH
def test_a_part_without_gpus_tells_ray_so(name, mode):
    """Ray would count what a container sees, which may be all GPUs of the machine."""
    for part, told in _told_gpus(of_profile(name, mode)):
        group = yaml.safe_load(profile(name).read_text())["workerGroups"].get(part, {"limits": {}})
        assert told == str(group["limits"].get("gpus", 0)), part


@EACH
def test_whoever_is_published_asks_for_keys(name):
    """A profile with a route from outside is not open to everybody."""
    values = yaml.safe_load(profile(name).read_text())
    published = any(values.get(way, {}).get("enabled") for way in ("ingress", "httpRoute"))
    assert not (published and values["config"]["access"].get("open"))


def test_notes_say_how_to_ask():
    """The commands name the objects that there are."""
    notes = run("helm", "install", "t", CHART, "--dry-run=client", "--namespace", "llm").stdout.partition("NOTES:")[2]
    names = {one["metadata"]["name"] for one in objects(rendered())}
    assert "get rayservice t-tercet " in notes
    assert "service/t-tercet 8000:80" in notes
    assert {"t-tercet"} <= names
    assert "This is the demonstration" in notes


def test_notes_say_what_keeps_prometheus_out():
    """A monitor alone finds closed ports."""

    def notes(*values: str) -> str:
        return run("helm", "install", "t", CHART, "--dry-run=client", *(f"--set={one}" for one in values)).stdout

    assert "Nothing scrapes its metrics" in notes()
    assert "no Prometheus reaches the metrics" in notes("monitoring.podMonitor.enabled=true")
    assert (
        "Prometheus"
        not in notes("monitoring.podMonitor.enabled=true", "networkPolicy.enabled=false").partition("NOTES:")[2]
    )


@EACH
def test_ray_has_the_version_of_the_image(name):
    """KubeRay turns features on by it."""
    (service,) = of_kind(of_profile(name), "RayService")
    pins = (CHART.parents[1] / "requirements" / "cpu.txt").read_text().splitlines()
    assert f"ray=={service['spec']['rayClusterConfig']['rayVersion']}" in pins


def _told_gpus(found: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for service in of_kind(found, "RayService"):
        cluster = service["spec"]["rayClusterConfig"]
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
            yield group.get("groupName", "head"), group["rayStartParams"]["num-gpus"]
    for one in of_kind(found, "StatefulSet"):
        (command,) = one["spec"]["template"]["spec"]["containers"][0]["args"]
        yield one["metadata"]["name"].removeprefix("t-tercet-"), re.findall(r"--num-gpus=(\S+)", command)[0]
