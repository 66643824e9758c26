"""From YAML to graph nodes: what is accepted, and where a refusal points."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from deployments.graph.predicates import PREDICATES
from deployments.graph.spec import NodeSpec, cycles, dump, parse, parse_graph, targets
from deployments.graph.when import When
from deployments.nodes.registry import KINDS

DEFAULT = {"to": "dense"}
FULL = """
switch:
  - to: moe
    when:
      task: [code, math]
      complexity: {below: 0.5, at_least: 0.1}
      prompt_tokens: {at_least: 10}
      language: zh
      has: [images, tools]
      tenant: acme
      header: {X-Tier: [gold, silver], x-beta: "1"}
      time_of_day: {from: 22:00, to: 06:00, timezone: Asia/Shanghai}
  - to: dense
"""


def refusals(value: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(dict[str, NodeSpec]).validate_python({"auto": value})
    return {".".join(map(str, line["loc"])): line["msg"] for line in caught.value.errors()}


def test_every_condition_can_be_written_and_read_back() -> None:
    """A node dumped as JSON data parses to an equal node; an unquoted 22:00, which YAML reads as 1320, means 22:00."""
    spec = parse(yaml.safe_load(FULL))
    assert parse(dump(spec)) == spec
    hours = dump(spec)["switch"][0]["when"]["time_of_day"]
    assert hours == {"from": "22:00", "to": "06:00", "timezone": "Asia/Shanghai"}


def test_every_condition_has_a_predicate() -> None:
    """What the config may say and what the graph can judge are the same set."""
    assert set(When.model_fields) == set(PREDICATES)


@pytest.mark.parametrize(
    ("value", "place", "rule"),
    [
        ({"swich": [DEFAULT]}, "auto.swich", "did you mean switch? known: "),
        ({"switch": [DEFAULT], "fallback": ["a"]}, "auto", "has 2 kinds: switch, fallback"),
        ({}, "auto", "write a kind as its key"),
        ("dense", "auto", "write a kind as its key"),
        ({"switch": []}, "auto.switch", "is empty"),
        ({"switch": [{"to": "a"}, {"to": "b"}]}, "auto.switch.0", "put it last"),
        ({"switch": [{"to": "a", "when": {"has": "images"}}]}, "auto.switch", "has no default"),
        ({"switch": [{"to": "a", "when": {}}, DEFAULT]}, "auto.switch.0.when", "has no condition"),
        ({"switch": [{"to": "a", "when": {"taks": "code"}}, DEFAULT]}, "auto.switch.0.when.taks", "did you mean task?"),
        ({"switch": [{"to": "a", "when": {"task": "cod"}}, DEFAULT]}, "auto.switch.0.when.task.0", "'code'"),
        (
            {"switch": [{"to": "a", "when": {"complexity": {"below": 7}}}, DEFAULT]},
            "auto.switch.0.when.complexity.below",
            "less than or equal to 1",
        ),
        (
            {"switch": [{"to": "a", "when": {"complexity": {"below": 0.2, "at_least": 0.3}}}, DEFAULT]},
            "auto.switch.0.when.complexity",
            "at_least (0.3) is not less than below (0.2)",
        ),
        (
            {"switch": [{"to": "a", "when": {"prompt_tokens": {}}}, DEFAULT]},
            "auto.switch.0.when.prompt_tokens",
            "neither",
        ),
        (
            {"switch": [{"to": "a", "when": {"time_of_day": {"from": "9am", "to": "10:00"}}}, DEFAULT]},
            "auto.switch.0.when.time_of_day.from",
            "is not a time of day",
        ),
        (
            {"switch": [{"to": "a", "when": {"time_of_day": {"from": "9:00", "to": "25:00"}}}, DEFAULT]},
            "auto.switch.0.when.time_of_day.to",
            "is not a time of day",
        ),
        (
            {"switch": [{"to": "a", "when": {"time_of_day": {"from": "09:00", "to": "09:00"}}}, DEFAULT]},
            "auto.switch.0.when.time_of_day",
            "same time",
        ),
        (
            {
                "switch": [
                    {"to": "a", "when": {"time_of_day": {"from": "09:00", "to": "10:00", "timezone": "Mars"}}},
                    DEFAULT,
                ]
            },
            "auto.switch.0.when.time_of_day.timezone",
            "is not a time zone",
        ),
        ({"fallback": ["a", "b", "a"]}, "auto.fallback.2", "already tried"),
        ({"fallback": ["a"], "timout": {}}, "auto.timout", "did you mean timeout?"),
        ({"fallback": ["a"], "timeout": {"first_token": "5x"}}, "auto.timeout.first_token", "is not a duration"),
        ({"fallback": ["a"], "timeout": {"first_token": 0}}, "auto.timeout.first_token", "greater than 0"),
    ],
)
def test_a_refusal_points_at_the_place_and_names_the_rule(value: Any, place: str, rule: str) -> None:
    """Nothing is refused without saying where and why."""
    found = refusals(value)
    assert rule in found[place]


def test_all_faults_are_reported_at_once() -> None:
    """One run shows everything that is to be mended."""
    found = refusals({"switch": [{"to": "a", "when": {"taks": 1, "complexity": {"below": 2}}}, {"too": "b"}]})
    assert {"auto.switch.0.when.taks", "auto.switch.0.when.complexity.below", "auto.switch.1.too"} <= set(found)


def test_targets_say_where_each_name_stands() -> None:
    """A dangling name can be pointed at."""
    spec = parse({"switch": [{"to": "a", "when": {"has": "tools"}}, {"to": "b"}]})
    assert targets(spec) == [(("switch", 0, "to"), "a"), (("switch", 1, "to"), "b")]
    assert targets(parse({"fallback": ["x", "y"]})) == [(("fallback", 0), "x"), (("fallback", 1), "y")]


def test_cycles_are_told_in_the_order_of_travel() -> None:
    """A cycle reads as a request would run into it; a name outside of the graph is none."""
    graph = parse_graph({"a": {"fallback": ["b", "model"]}, "b": {"fallback": ["c"]}, "c": {"fallback": ["a", "c"]}})
    assert sorted(cycles(graph)) == [["a", "b", "c", "a"], ["c", "c"]]
    assert cycles(parse_graph({"a": {"fallback": ["b"]}, "b": {"fallback": ["model"]}})) == []


@given(st.dictionaries(st.sampled_from("abcde"), st.lists(st.sampled_from("abcdem"), min_size=1, unique=True)))
def test_cutting_every_cycle_told_leaves_none(edges: dict[str, list[str]]) -> None:
    """No cycle goes unseen, and each one told is a walk along real edges."""
    found = cycles(parse_graph({name: {"fallback": to} for name, to in edges.items()}))
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert all(there in edges[here] for here, there in pairwise(cycle))
    cut = {(cycle[-2], cycle[-1]) for cycle in found}
    left = {here: [there for there in to if (here, there) not in cut] or ["m"] for here, to in edges.items()}
    assert cycles(parse_graph({name: {"fallback": to} for name, to in left.items()})) == []


def test_the_json_schema_covers_every_kind() -> None:
    """An editor that knows the schema can complete each kind."""
    schema = TypeAdapter(NodeSpec).json_schema()
    text = str(schema)
    assert all(f"'{kind}'" in text for kind in KINDS)
