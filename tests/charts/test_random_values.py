"""Whatever values the schema takes, the objects are valid: random ones, in both modes."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tests.charts.drawn import VALUES
from tests.charts.tools import objects, of_kind, pod_templates, profile, rendered
from tests.charts.valid import complaints

# A rendering takes a tenth of a second, and shrinking would take hundreds of them.
SEARCHED = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=12, phases=SEARCHED, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(VALUES)
def test_random_values_make_valid_objects(values: dict[str, Any]) -> None:
    """No name is too long, no label a number, no selector without pods, whatever is switched on."""
    found = objects(rendered(profile("single-gpu"), values=_alone(values)))
    assert complaints(found) == []
    names = [(one["kind"], one["metadata"]["name"]) for one in found]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)
    pods = [template["metadata"]["labels"] for _, template in pod_templates(found)]
    for service in of_kind(found, "Service"):
        assert any(service["spec"]["selector"].items() <= labels.items() for labels in pods)


def _alone(values: dict[str, Any]) -> dict[str, Any]:
    """Keep the profile's own claim out of the way of another one."""
    return {**values, "cache": {"claim": {"enabled": False}, **values.get("cache", {})}}
