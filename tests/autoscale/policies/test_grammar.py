"""How policies are written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from autoscale.policies.grammar import KINDS, dump, parse
from autoscale.policies.registry import KINDS as REGISTERED
from autoscale.spec import AutoscaleSpec

WRITTEN: list[Any] = [
    "sla",
    {"sla": {"slo_target": 0.995, "cost_weight": 2.0}},
    {"max": ["queue", {"hold-down": {"window": 120.0, "of": {"kv": {"target": 0.6}}}}]},
    {
        "cost-ceiling": {
            "per_hour": 40.0,
            "of": {"bounds": {"min": 2, "of": {"step-limit": {"up": 8, "of": "queue-drain"}}}},
        }
    },
    {
        "schedule": {
            "timezone": "Asia/Tokyo",
            "shifts": [{"days": ["mon", "tue"], "from": "08:30", "to": "18:00", "replicas": 3}],
        }
    },
    {"python": "my.module:MyPolicy", "options": {"gain": 3}},
    {"error-budget": {"slo_target": 0.99}},
    {"forecast": {"quantile": 0.99}},
    {"hold-up": {"of": {"ongoing-requests": {"per_replica": 8.0}}}},
]


@pytest.mark.parametrize("written", WRITTEN, ids=str)
def test_what_is_written_comes_back(written: Any) -> None:
    """As the same text, and as an equal policy after a trip through JSON."""
    spec = AutoscaleSpec.model_validate({"policy": written, "pools": {"dense": {"policy": written}}})
    assert dump(spec.policy) == written
    assert AutoscaleSpec.model_validate_json(spec.model_dump_json()) == spec


def test_every_kind_is_known_by_its_own_name() -> None:
    """The registry has each once."""
    assert {kind: spec.kind for kind, spec in KINDS.items()} == {kind: kind for kind in REGISTERED}


@pytest.mark.parametrize(
    ("written", "where", "told"),
    [
        ("slaa", (), "is not a kind of policy; did you mean sla?"),
        ("max", (), "is not complete"),
        ({}, (), "is not a policy"),
        ({"max": []}, ("max",), "is empty"),
        ({"kv": {}, "sla": {}}, (), "has 2 kinds: kv, sla; keep one"),
        ({"sla": {}, "slo_target": 0.9}, ("slo_target",), "is not an option beside sla"),
        ({"sla": {"slo_targt": 0.9}}, ("sla", "slo_targt"), "did you mean slo_target?"),
        (
            {"max": ["sla", {"hold-down": {"of": {"kv": {"target": 2}}}}]},
            ("max", 1, "hold-down", "of", "kv", "target"),
            "share",
        ),
        ({"forecast": {"quantile": "20%"}}, ("forecast", "quantile"), "greater than or equal to 0.5"),
        ({"python": "module"}, ("python",), "is not a class such as my.module:MyPolicy"),
        ({"bounds": {"min": 3, "max": 2, "of": "sla"}}, ("bounds",), "raise max or lower min"),
        ({"schedule": {"shifts": [{"days": "mon-xyz", "replicas": 1}]}}, ("schedule", "shifts", 0, "days"), "mon-xyz"),
        (
            {"schedule": {"timezone": "Mars", "shifts": [{"replicas": 1}]}},
            ("schedule", "timezone"),
            "is not a time zone",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place_with_the_way_out(written: Any, where: tuple[Any, ...], told: str) -> None:
    """However deep it lies."""
    with pytest.raises(ValidationError) as refused:
        AutoscaleSpec.model_validate({"policy": written})
    (line,) = refused.value.errors()
    assert line["loc"] == ("policy", *where)
    assert told in line["msg"]


def test_a_policy_that_is_read_already_stays_as_it_is() -> None:
    """So that sections can be copied."""
    assert parse(parse("sla")) == parse("sla")
    assert json.loads(json.dumps(dump(parse("sla")))) == "sla"
