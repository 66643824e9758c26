"""Random values of the chart that its schema takes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TEXT = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
LABELS = st.dictionaries(TEXT, TEXT | st.sampled_from(["true", "1", "0x10", "no", "1e3", ""]), max_size=2)
MEMORY = st.builds("{}{}".format, st.integers(1, 4000), st.sampled_from(["Mi", "Gi", "G"]))
PEERS = st.lists(
    st.builds(lambda key, value: {"namespaceSelector": {"matchLabels": {key: value}}}, TEXT, TEXT), max_size=2
)
SECRET = st.fixed_dictionaries({}, optional={"name": TEXT, "key": TEXT})
CPUS = st.integers(0, 96) | st.integers(0, 96).map(str)


def _limits(gpus: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"cpu": CPUS, "memory": MEMORY}, optional={"gpus": gpus})


POD: dict[str, st.SearchStrategy[Any]] = {
    "nodeSelector": LABELS,
    "tolerations": st.lists(st.builds(lambda key: {"key": key, "operator": "Exists"}, TEXT), max_size=2),
    "priorityClassName": TEXT,
    "podAnnotations": LABELS,
    "podLabels": LABELS,
    "extraEnv": st.lists(
        st.builds(lambda name, value: {"name": name, "value": value}, TEXT, st.text("ab \"'{}:#$é%\n", max_size=9)),
        max_size=2,
    ),
    "shmSize": MEMORY,
}


@st.composite
def groups(draw: st.DrawFn) -> dict[str, Any]:
    least = draw(st.integers(0, 5))
    return draw(
        st.fixed_dictionaries(
            {
                "limits": _limits(st.integers(0, 8)),
                "minReplicas": st.just(least),
                "maxReplicas": st.integers(max(1, least), 9),
            },
            optional={
                **POD,
                "replicas": st.integers(1, 5),
                "idleTimeoutSeconds": st.integers(1, 9000),
                "terminationGracePeriodSeconds": st.integers(30, 9000),
                "gpuResource": st.sampled_from(["nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.10gb"]),
            },
        )
    )


def names(most: int) -> st.SearchStrategy[str]:
    """Names of Kubernetes with dashes inside, up to the longest that is taken."""
    inner = st.text("ab0-", max_size=most - 2) | st.just("-" * (most - 2))
    return st.builds("{}{}{}".format, st.sampled_from(["a", "x"]), inner, st.sampled_from(["z", "9"]))


def _monitoring(kind: str, enabled: bool, labels: dict[str, str]) -> dict[str, Any]:
    return {kind: {"enabled": enabled, "labels": labels}}


def _config_map(name: str, text: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": text}}


def _claim(size: str, kind: str) -> dict[str, Any]:
    return {"claim": {"enabled": True, "size": size, "storageClassName": kind}}


VALUES = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["rayservice", "statefulset"]),
        "workerGroups": st.dictionaries(names(20), groups(), min_size=1, max_size=3),
    },
    optional={
        "fullnameOverride": names(40) | st.sampled_from(["no", "on", "true", "null"]),
        "commonLabels": LABELS,
        "image": st.fixed_dictionaries({}, optional={"tag": TEXT, "digest": st.just("sha256:" + "a" * 64)}),
        "imagePullSecrets": st.lists(st.builds(lambda name: {"name": name}, TEXT), max_size=2),
        "longestAnswerSeconds": st.integers(30, 86400),
        "maxConnections": st.integers(100, 10**6),
        "upgradeStrategy": st.sampled_from(["NewCluster", "None"]),
        "head": st.fixed_dictionaries({}, optional=POD),
        "gateway": st.fixed_dictionaries(
            {}, optional={**POD, "limits": _limits(st.just(0)), "spare": st.integers(0, 3)}
        ),
        "autoscaler": st.fixed_dictionaries(
            {},
            optional={
                "enabled": st.booleans(),
                "idleTimeoutSeconds": st.integers(1, 9000),
                "upscalingMode": st.sampled_from(["Default", "Aggressive"]),
            },
        ),
        "gcsFaultTolerance": st.fixed_dictionaries(
            {"enabled": st.booleans(), "redisAddress": st.just("redis:6379")},
            optional={"password": SECRET, "namespace": TEXT},
        ),
        "auth": st.fixed_dictionaries({}, optional={"token": st.booleans(), "existingSecret": TEXT}),
        "checkpoints": st.one_of(
            st.builds(lambda name: {"existingClaim": name}, TEXT),
            st.builds(lambda name, path: {"image": {"reference": name}, "subPath": path}, TEXT, TEXT),
        ),
        "cache": st.one_of(
            st.builds(lambda name: {"existingClaim": name, "claim": {"enabled": False}}, TEXT),
            st.builds(_claim, MEMORY, TEXT),
        ),
        "huggingFace": SECRET,
        "serviceAccount": st.fixed_dictionaries(
            {}, optional={"create": st.booleans(), "name": TEXT, "annotations": LABELS}
        ),
        "service": st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
                "port": st.integers(1, 65535),
                "annotations": LABELS,
            },
        ),
        "ingress": st.fixed_dictionaries(
            {"enabled": st.booleans()},
            optional={"className": TEXT, "hosts": st.lists(TEXT, max_size=2), "annotations": LABELS},
        ),
        "networkPolicy": st.fixed_dictionaries(
            {},
            optional={
                "enabled": st.booleans(),
                "clientsFrom": PEERS,
                "adminFrom": PEERS,
                "monitoringFrom": PEERS,
                "operatorFrom": PEERS,
                "egress": st.just([{"ports": [{"port": 443, "protocol": "TCP"}]}]),
            },
        ),
        "podDisruptionBudget": st.builds(lambda on: {"enabled": on}, st.booleans()),
        "topologySpread": st.fixed_dictionaries({}, optional={"enabled": st.booleans(), "maxSkew": st.integers(1, 5)}),
        "monitoring": st.builds(
            _monitoring,
            st.sampled_from(["podMonitor", "serviceMonitor", "prometheusRule", "dashboards"]),
            st.booleans(),
            LABELS,
        ),
        "smokeTest": st.builds(lambda on: {"enabled": on}, st.booleans()),
        "extraObjects": st.lists(st.builds(_config_map, TEXT, TEXT), max_size=1),
    },
)
