"""Which conditions take all the requests of others."""

from __future__ import annotations

import pytest

from cluster.checks.reach import covers
from deployments.graph.when import When

TASK = {"task": ["code", "math"]}


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        (TASK, {"task": "code"}, True),
        ({"task": "code"}, TASK, False),
        (TASK, {"task": "code", "language": "zh"}, True),
        ({"task": "code", "language": "zh"}, {"task": "code"}, False),
        ({"has": "tools"}, {"has": ["images", "tools"]}, True),
        ({"has": ["images", "tools"]}, {"has": "tools"}, False),
        ({"complexity": {"below": 0.5}}, {"complexity": {"below": 0.3}}, True),
        ({"complexity": {"below": 0.5}}, {"complexity": {"at_least": 0.3}}, False),
        ({"complexity": {"at_least": 0.2}}, {"complexity": {"at_least": 0.3, "below": 0.4}}, True),
        ({"prompt_tokens": {"at_least": 10}}, {"prompt_tokens": {"below": 20}}, False),
        ({"header": {"X-Tier": ["a", "b"]}}, {"header": {"x-tier": "a", "x-other": "c"}}, True),
        ({"header": {"x-tier": "a"}}, {"header": {"x-other": "a"}}, False),
        ({"time_of_day": {"from": "22:00", "to": "06:00"}}, {"time_of_day": {"from": "22:00", "to": "06:00"}}, True),
        ({"time_of_day": {"from": "22:00", "to": "06:00"}}, {"time_of_day": {"from": "23:00", "to": "06:00"}}, False),
    ],
)
def test_covers_only_what_is_certain(wide, narrow, expected):
    """A condition covers another when no request can meet the other and not it."""
    assert covers(When.model_validate(wide), When.model_validate(narrow)) is expected
