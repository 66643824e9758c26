"""What Prometheus is told by the chart's PodMonitors and rules, as its operator would tell it.

Nothing runs in Kubernetes here: the pods are given, with addresses of the caller's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.charts.tools import of_kind, pod_templates

NAMESPACE = "llm"
# The operator's own, ahead of a monitor's: https://github.com/prometheus-operator, pkg/prometheus/promcfg.go.
_OPERATORS = {
    "namespace": "__meta_kubernetes_namespace",
    "container": "__meta_kubernetes_pod_container_name",
    "pod": "__meta_kubernetes_pod_name",
}
_RELABELING = {"sourceLabels": "source_labels", "targetLabel": "target_label"}


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that runs: the part of the chart that it is made from, and where it is."""

    name: str
    part: str
    ip: str


def relabeled(relabelings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a monitor's relabelings as Prometheus itself writes them."""
    return [{_RELABELING.get(key, key): told for key, told in one.items()} for one in relabelings]


def jobs(
    found: Sequence[Mapping[str, Any]],
    pods: Sequence[Pod],
    secrets: Mapping[str, str],
    network: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """Yield a job for each endpoint of each PodMonitor among the chart's objects.

    *secrets* are values by ``name/key``. *network* stands for the cluster's DNS and routes: it says, address by
    address, where what the chart names is here, and changes nothing else.
    """
    templates = dict(pod_templates(found))
    for monitor in of_kind(found, "PodMonitor"):
        name = monitor["metadata"]["name"]
        for number, endpoint in enumerate(monitor["spec"]["podMetricsEndpoints"]):
            selected = monitor["spec"]["selector"]["matchLabels"]
            job: dict[str, Any] = {
                "job_name": f"podMonitor/{NAMESPACE}/{name}/{number}",
                "scrape_interval": endpoint["interval"],
                "scrape_timeout": endpoint["interval"],
                "metrics_path": endpoint["path"],
                "honor_labels": endpoint.get("honorLabels", False),
                "static_configs": [
                    _target(pod, container, port)
                    for pod in pods
                    if selected.items() <= templates[pod.part]["metadata"]["labels"].items()
                    for container in templates[pod.part]["spec"]["containers"]
                    for port in container.get("ports", [])
                    if port["name"] == endpoint["port"]
                ],
                "relabel_configs": [
                    *({"source_labels": [told], "target_label": label} for label, told in _OPERATORS.items()),
                    {"target_label": "job", "replacement": f"{NAMESPACE}/{name}"},
                    {"target_label": "endpoint", "replacement": endpoint["port"]},
                    *relabeled(endpoint.get("relabelings", [])),
                    *({"source_labels": ["__address__"], "regex": asked.replace(".", "[.]"),
                       "target_label": "__address__", "replacement": here} for asked, here in network.items()),
                ],
            }  # fmt: skip
            if (told := endpoint.get("authorization")) is not None:
                secret = told["credentials"]
                job["authorization"] = {"credentials": secrets[f"{secret['name']}/{secret['key']}"]}
            yield job


def _target(pod: Pod, container: Mapping[str, Any], port: Mapping[str, Any]) -> dict[str, Any]:
    known = {
        "namespace": NAMESPACE,
        "pod_name": pod.name,
        "pod_ip": pod.ip,
        "pod_container_name": container["name"],
    }
    labels = {f"__meta_kubernetes_{name}": told for name, told in known.items()}
    return {"targets": [f"{pod.ip}:{port['containerPort']}"], "labels": labels}
