"""What a drawing says of nodes and of the ways between them."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.drawing.wording import duration, label, options, size
from deployments.graph.spec import parse
from deployments.nodes.registry import KINDS


def labels(section: dict[str, Any]) -> list[str]:
    spec = parse(section)
    return [label(spec, loc) for loc, _ in spec.targets()]


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (
            {"switch": [{"when": {"task": ["code", "math"], "complexity": {"at_least": 0.5}}, "to": "a"}, {"to": "b"}]},
            ["1. task: code, math; complexity ≥ 0.5", "otherwise"],
        ),
        ({"fallback": ["a", "b"]}, ["1.", "2."]),
        ({"fallback": ["a"]}, [""]),
        ({"split": {"a": 3, "b": 1}}, ["75%", "25%"]),
        ({"shadow": "a", "to": "b", "share": "2%"}, ["", "mirrors 2%"]),
        ({"hedge": ["a", "a"], "after": 0.25}, ["1.", "2. after 250 ms"]),
        ({"hedge": ["a", "b"]}, ["1.", "2. after p95"]),
        ({"longform": "a", "summarise": "b"}, ["", "summarise"]),
        ({"canary": "a", "to": "b", "stages": ["shadow", "5%", "100%"]}, ["", "shadow → 5% → 100%"]),
        ({"brown-out": "a", "to": ["b", "c"]}, ["", "in a brown-out", "in a brown-out"]),
        ({"coalesce": "a"}, [""]),
        ({"ensemble": ["a", "b"], "choose": "judge", "judge": "c"}, ["", "", "judge"]),
        (
            {"cascade": [{"to": "a", "accept": {"judge": {"by": "c", "at_least": 0.7}}}, {"to": "b"}]},
            ["1. accept: judge by c, at least 0.7", "otherwise", "judge"],
        ),
    ],
)
def test_ways_say_when_a_request_takes_them(section: dict[str, Any], told: list[str]) -> None:
    """Conditions, weights, order and roles, whatever the kind."""
    assert labels(section) == told


def test_times_of_day_and_headers_are_told() -> None:
    """As people write them."""
    when = {"time_of_day": {"from": "22:00", "to": "06:00"}, "header": {"x-tier": ["gold"]}}
    assert labels({"switch": [{"when": when, "to": "a"}, {"to": "b"}]})[0] == "1. x-tier: gold; 22:00–06:00 UTC"


def test_options_leave_out_defaults_and_targets() -> None:
    """Quantities have units, and the innermost name says what they are."""
    spec = parse({"fallback": ["a"], "timeout": {"first_token": "20s", "total": "5m"}})
    assert options(spec) == ["first token 20 s", "total 5 min"]
    assert options(parse({"record": "a", "share": "10%", "text": True})) == ["share 10%", "text"]
    assert options(parse({"longform": "a", "summarise": "b"})) == []


def test_every_registered_kind_can_be_worded() -> None:
    """A new kind needs nothing here; this test finds out when that is no longer so."""
    sections = {**WORDED, **{kind: {kind: "a"} for kind in KINDS if kind not in WORDED}}
    for kind in KINDS:
        spec = parse(sections[kind])
        assert all(isinstance(label(spec, loc), str) for loc, _ in spec.targets())
        assert all(line == line.strip() for line in options(spec))


WORDED: dict[str, dict[str, Any]] = {
    "switch": {"switch": [{"to": "a"}]},
    "fallback": {"fallback": ["a"]},
    "hedge": {"hedge": ["a", "b"]},
    "deadline": {"deadline": "a", "total": "10s"},
    "cascade": {"cascade": [{"to": "a", "accept": {"min_tokens": 3}}, {"to": "b"}]},
    "ensemble": {"ensemble": ["a", "b"], "choose": "judge", "judge": "c"},
    "split": {"split": {"a": 1}},
    "shadow": {"shadow": "a", "to": "b"},
    "canary": {"canary": "a", "to": "b"},
    "brown-out": {"brown-out": "a", "to": "b"},
    "transform": {"transform": "a", "trim": True},
    "guard": {"guard": "a", "input": [{"judge": "b"}], "output": [{"words": ["x"], "action": "route", "to": "c"}]},
}


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.08, "80 ms"), (2, "2 s"), (60, "60 s"), (900, "15 min"), (7200, "2 h")]
)
def test_durations_read_well(seconds: float, told: str) -> None:
    """In the unit that people would use."""
    assert duration(seconds) == told


def test_sizes_read_well() -> None:
    """In powers of 1,024."""
    assert [size(one) for one in (5, 2**20, 3 * 2**29)] == ["5 B", "1 MiB", "1.5 GiB"]
