"""Pods have no privileges, and from outside only gateways are reached."""

from __future__ import annotations

from typing import Any

import pytest

from tests.charts.tools import MODES, PROFILES, of_kind, of_profile, pod_templates

EACH = pytest.mark.parametrize("name", PROFILES)
BOTH = pytest.mark.parametrize("mode", MODES)


@EACH
@BOTH
def test_every_container_is_confined(name, mode):
    """Non-root, no privileges to gain, no capabilities, seccomp, and a root file system that nothing writes to."""
    for part, template in pod_templates(of_profile(name, mode)):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, part
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert not any("hostPath" in volume for volume in pod.get("volumes", ()))
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            confined = container["securityContext"]
            assert confined["allowPrivilegeEscalation"] is False
            assert confined["readOnlyRootFilesystem"] is True
            assert confined["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]["requests"]) >= {"cpu", "memory"}
            assert set(container["resources"]["limits"]) >= {"cpu", "memory"}


@EACH
@BOTH
def test_only_the_autoscaler_may_ask_kubernetes(name, mode):
    """No Role is made, and no other pod has the account's token."""
    found = of_profile(name, mode)
    assert not [one for one in found if one["kind"] in {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}]
    with_token = [part for part, pod in pod_templates(found) if pod["spec"]["automountServiceAccountToken"]]
    assert with_token == (["head"] if mode == "rayservice" else [])


@EACH
@BOTH
def test_only_gateways_are_reached_from_outside(name, mode):
    """Everything else takes in pods of the release alone, and KubeRay at the head."""
    found = of_profile(name, mode)
    for part, template in pod_templates(found):
        labels = template["metadata"]["labels"]
        open_ = {port for rule in _rules(found, labels) if not rule.get("from") for port in _ports(rule)}
        assert open_ == ({8000} if labels["app.kubernetes.io/component"] == "gateway" else set()), part
        assert _rules(found, labels), f"{part} is under no policy"


@EACH
@BOTH
def test_rays_ports_are_open_to_the_release_alone(name, mode):
    """Ray runs any code of whoever reaches it: 6379, 8265, workers' and replicas' ports stay inside."""
    found = of_profile(name, mode)
    for _, template in pod_templates(found):
        labels = template["metadata"]["labels"]
        for rule in _rules(found, labels):
            if not _ports(rule):
                (peer,) = rule["from"]
                assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "t"
                assert "namespaceSelector" not in peer
            elif 8265 in _ports(rule):
                assert labels["app.kubernetes.io/component"] == "head"
                assert rule["from"] == [
                    {
                        "namespaceSelector": {},
                        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "kuberay-operator"}},
                    }
                ]
            else:
                assert _ports(rule) <= {8000, 8001, 8080, 9101}


@EACH
def test_without_kuberay_the_dashboard_is_the_heads_own(name):
    """Whoever may hand over a config may run any code; the one container that does is beside it."""
    found = of_profile(name, "statefulset")
    (head,) = (pod for part, pod in pod_templates(found) if part == "t-tercet-head")
    (command,) = head["spec"]["containers"][0]["args"]
    assert "--dashboard-host=127.0.0.1 --dashboard-port=8265" in command
    assert "http://127.0.0.1:8265" in head["spec"]["containers"][1]["command"]
    assert "dashboard" not in _named_ports(head)
    assert 8265 not in {port["port"] for one in of_kind(found, "Service") for port in one["spec"]["ports"]}


@EACH
@BOTH
def test_services_lead_to_pods_and_ports_that_there_are(name, mode):
    """Every selector fits some pod, and the named port is there; clients come to gateways and nobody else."""
    found = of_profile(name, mode)
    pods = [template for part, template in pod_templates(found) if not part.endswith("-smoke")]
    for service in of_kind(found, "Service"):
        selected = [pod for pod in pods if _fits(service["spec"]["selector"], pod["metadata"]["labels"])]
        assert selected, service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            assert all(port["targetPort"] in _named_ports(pod) for pod in selected), (service["metadata"]["name"], port)
        if service["metadata"]["name"] == "t-tercet":
            assert {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in selected} == {"gateway"}


def test_budgets_keep_all_but_one_of_what_is_always_there():
    """Counts of pods that are there at all times; parts with a single pod have none, or no machine could be emptied."""
    budgets = {
        one["metadata"]["name"]: one["spec"]["minAvailable"]
        for one in of_kind(of_profile("multi-gpu"), "PodDisruptionBudget")
    }
    assert budgets == {"t-tercet-gateway": 2, "t-tercet-h100": 1, "t-tercet-l4": 1}
    assert of_kind(of_profile("cpu-demo"), "PodDisruptionBudget") == []


@EACH
@BOTH
def test_pods_wait_for_their_streams_before_they_go(name, mode):
    """`tercet leave` has a little less time than Kubernetes gives, and the head more than all others."""
    graces: dict[str, int] = {}
    for part, template in pod_templates(of_profile(name, mode)):
        if part.endswith("-smoke"):
            continue
        graces[part] = template["spec"]["terminationGracePeriodSeconds"]
        command = template["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        assert command[:2] == ["tercet", "leave"]
        assert 0 < int(command[command.index("--within") + 1]) < graces[part]
    head = next(grace for part, grace in graces.items() if part.endswith("head"))
    assert all(grace < head for part, grace in graces.items() if not part.endswith("head"))


def _rules(found: list[dict[str, Any]], labels: dict[str, str]) -> list[dict[str, Any]]:
    policies = [one["spec"] for one in of_kind(found, "NetworkPolicy")]
    return [
        rule for one in policies if _fits(one["podSelector"]["matchLabels"], labels) for rule in one.get("ingress", ())
    ]


def _ports(rule: dict[str, Any]) -> set[int]:
    return {int(port["port"]) for port in rule.get("ports", ())}


def _fits(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def _named_ports(pod: dict[str, Any]) -> set[str]:
    return {port["name"] for container in pod["spec"]["containers"] for port in container.get("ports", ())}
