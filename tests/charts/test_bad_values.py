"""A bad value is refused before anything reaches a cluster, and the message names it."""

from __future__ import annotations

import pytest
import yaml

from tests.charts.tools import CHART, profile, rendered, run

BY_SCHEMA = [
    ({"config": {"models": {"dense": {"replicas": {"min": "two"}}}}}, "/config/models/dense/replicas/min"),
    ({"config": {"models": {"dense": {"drainn": 1}}}}, "drainn"),
    ({"config": {"models": {"dense": {"family": "huge"}}}}, "/config/models/dense/family"),
    ({"config": {"gateway": {"host": None}}}, "/config/gateway/host"),
    ({"workerGroups": {"gpu": None}}, "/workerGroups/gpu"),
    ({"config": {"graph": {"auto": {"swich": []}}}}, "swich"),
    ({"config": {"graph": {"auto": {"fallback": ["dense"], "breakr": {}}}}}, "breakr"),
    ({"config": {"gateway": {"replicas": 0}}}, "/config/gateway/replicas"),
    ({"gatway": {}}, "gatway"),
    ({"mode": "pods"}, "/mode"),
    ({"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ({"workerGroups": {"gpu": {"limits": {"cpu": "500m"}}}}, "/workerGroups/gpu/limits/cpu"),
    ({"workerGroups": {"GPU": {"limits": {"cpu": 1, "memory": "1Gi"}}}}, "GPU"),
    ({"workerGroups": {"other": {"minReplicas": 1}}}, "limits"),
    ({"longestAnswerSeconds": 5}, "/longestAnswerSeconds"),
    ({"fullnameOverride": "x" * 41}, "/fullnameOverride"),
]

BY_RULE = [
    ({"config": {"gateway": {"host": "127.0.0.1"}}}, "config.gateway.host: is reached from inside its own pod alone"),
    ({"config": {"gateway": {"admin": {"host": "127.0.0.1"}}}}, "config.gateway.admin.host: "),
    ({"config": {"access": None}}, "config.access: nothing says who may call"),
    ({"workerGroups": {"gateway": {"limits": {"cpu": 1, "memory": "1Gi"}}}}, "workerGroups.gateway: is the name of"),
    ({"workerGroups": {"gpu": {"minReplicas": 9}}}, "workerGroups.gpu.minReplicas: 9 is more than maxReplicas (1)"),
    ({"workerGroups": {"gpu": {"pools": ["nope"]}}}, "workerGroups.gpu.pools: no model of config.models is named nope"),
    (
        {
            "workerGroups": {
                "gpu": {"pools": ["dense"]},
                "other": {"limits": {"cpu": 1, "memory": "1Gi"}, "pools": ["dense"]},
            }
        },
        "workerGroups.other.pools: dense is kept to the group gpu already",
    ),
    ({"checkpoints": {"existingClaim": "a", "image": {"reference": "b"}}}, "checkpoints: has both"),
    ({"cache": {"existingClaim": "a"}}, "cache: has both"),
    ({"gcsFaultTolerance": {"enabled": True}}, "gcsFaultTolerance.redisAddress: is required"),
    (
        {"monitoring": {"podMonitor": {"enabled": True}, "serviceMonitor": {"enabled": True}}},
        "monitoring: has both podMonitor.enabled and serviceMonitor.enabled",
    ),
    (
        {
            "config": {"access": {"open": False, "store": {"sqlite": "/cache/accounts"}}, "tenants": {"a": {}}},
            "monitoring": {"podMonitor": {"enabled": True}},
        },
        "monitoring.podMonitor.token.name: is required where config.access.store is",
    ),
    (
        {
            "config": {"objectives": {"thresholds": {"cold_start": "soon"}}},
            "monitoring": {"prometheusRule": {"enabled": True}},
        },
        'config.objectives.thresholds.cold_start: "soon" is neither a duration',
    ),
    ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs: is required"),
]


@pytest.mark.parametrize(("values", "named"), BY_SCHEMA, ids=str)
def test_the_schema_names_what_it_refuses(values, named):
    """By the path of the value, or the key that it does not know."""
    said = rendered(profile("single-gpu"), values=values, fails=True)
    assert "don't meet the specifications of the schema" in said
    assert named in said


@pytest.mark.parametrize(("values", "sentence"), BY_RULE, ids=lambda one: one if isinstance(one, str) else "")
def test_a_rule_names_what_it_refuses_and_the_way_out(values, sentence):
    """What a schema cannot say is said by the templates."""
    assert sentence in rendered(profile("single-gpu"), values=values, fails=True)


def test_a_document_needs_machines(tmp_path):
    """Only the demonstration brings groups of its own."""
    values = tmp_path / "values.yaml"
    document = yaml.safe_load(profile("single-gpu").read_text())["config"]
    values.write_text(yaml.safe_dump({"config": document}))
    assert "workerGroups: names no group, and engines need machines" in rendered(values, fails=True)


def test_lint_refuses_as_well():
    """`helm lint` is what runs before a merge."""
    result = run("helm", "lint", CHART, "--values", profile("spot"), "--set", "mode=pods")
    assert result.returncode != 0
    assert "/mode" in result.stdout + result.stderr
