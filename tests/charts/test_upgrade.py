"""An upgrade changes no field that Kubernetes does not let change, whichever values it comes with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.charts.tools import CHART, MODES, PROFILES, objects, of_profile, profile, rendered

GOLDEN = Path(__file__).parent / "immutable.json"
CHANGED: list[dict[str, Any]] = [
    {"image": {"tag": "9.9.9"}},
    {"commonLabels": {"team": "a"}},
    {"config": {"gateway": {"replicas": 5}}},
    {"longestAnswerSeconds": 2400},
    {"autoscaler": {"enabled": False}},
    {"head": {"podLabels": {"team": "b"}, "limits": {"memory": "8Gi"}}},
    {"service": {"type": "NodePort", "port": 8080}},
    {"topologySpread": {"enabled": False}, "networkPolicy": {"enabled": False}},
]


def immutable(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what must stay of each object, by kind and name."""
    return {f"{one['kind']} {one['metadata']['name']}": fields for one in found if (fields := _of(one)) is not None}


def _of(one: dict[str, Any]) -> dict[str, Any] | None:
    spec = one.get("spec", {})
    kept = {
        "StatefulSet": ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
        "PersistentVolumeClaim": ("accessModes", "storageClassName", "resources", "volumeName"),
        "Service": ("clusterIP",),
        "Job": ("selector", "template"),
        "Deployment": ("selector",),
    }.get(one["kind"])
    return None if kept is None else {field: spec.get(field) for field in kept}


def everything() -> dict[str, Any]:
    """Return the immutable fields of every profile in both modes."""
    return {f"{name} {mode}": immutable(of_profile(name, mode)) for name in PROFILES for mode in MODES}


def test_immutable_fields_are_those_of_the_version_before():
    """`python -m tests.charts.test_upgrade` writes them anew, for a version that is installed afresh."""
    assert everything() == json.loads(GOLDEN.read_text())["fields"]


def test_a_new_version_has_fields_of_its_own():
    """The version that they were written for is the oldest that can be upgraded to this one."""
    assert _numbers(json.loads(GOLDEN.read_text())["chart"]) <= _numbers(_version())


@pytest.mark.parametrize("values", CHANGED, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_other_values_keep_immutable_fields(values, mode):
    """Selectors hold nothing that a value changes."""
    after = immutable(objects(rendered(profile("multi-gpu"), values={"mode": mode, **values})))
    before = immutable(of_profile("multi-gpu", mode))
    assert {name: after[name] for name in before if name in after} == before


def _version() -> str:
    line = next(line for line in (CHART / "Chart.yaml").read_text().splitlines() if line.startswith("version:"))
    return line.split()[1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({"chart": _version(), "fields": everything()}, indent=1) + "\n")
