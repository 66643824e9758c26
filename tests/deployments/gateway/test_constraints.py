"""Structured output that costs too much or says nothing is refused by the field's name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.errors import Invalid
from deployments.gateway.constraints import check_constraints
from deployments.gateway.patterns import MAX_CHARS, objection
from tests.deployments.gateway.building import ask, client, engines, gateway

LARGE_ENUM = {"enum": [f"value {at}" for at in range(20_000)]}
WIDE = {"type": "object", "properties": {f"p{at}": {"type": "string"} for at in range(2_000)}}


@pytest.mark.parametrize(
    "pattern",
    [
        r"[A-Z]{3}-[0-9]{2}",
        r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
        r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}",
        r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?",
        r"((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)",
        r"([a-z]+ )*[a-z]+\.",
        r"[(*+?{2}]{4}\(\*\{9999999\}",
        "a{1,5000}",
        "",
    ],
)
def test_what_people_write_passes(pattern: str) -> None:
    """Identifiers, addresses, numbers, words."""
    assert objection(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "((a{1,200}){1,200}){1,200}",
        "(.{1,50}){1,50}",
        "(((a+)+)+)+b",
        "(?:(?:(?:x*)*)*)*",
        "(a*)*b(.*.*.*.*){50}",
        "(.*)*" * 40,
        "a*" * 200,
        "a?" * 500 + "a" * 500,
        "a{1,100000}",
        "a{99999999999999999999}",
        "(" * 100 + "a" + ")*" * 100,
        'root ::= (("a"{1,200}){1,200}){1,200}',
    ],
)
def test_what_would_hold_up_the_batch_is_refused(pattern: str) -> None:
    """Nested, many, or huge repetitions."""
    assert objection(pattern)


@given(st.text(alphabet="ab()[]{}*+?|\\,.0123456789\"' ", max_size=300))
def test_any_pattern_has_an_answer(pattern: str) -> None:
    """Broken ones included: what is wrong with them is the engine's to say."""
    assert objection(pattern) is None or "most" in str(objection(pattern))


@pytest.mark.timeout(5)
@pytest.mark.parametrize("unit", ["[", "(", "{", "\\", '"', "(?", "{1", "a{1,2}", "()", "*"])
def test_length_costs_no_more_than_its_share(unit: str) -> None:
    """A long pattern is read in time linear in its length; the longest that is read at all is 16,384 characters."""
    for _ in range(20):
        objection(unit * (MAX_CHARS // len(unit)))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"structured_outputs": "x"}, "structured_outputs"),
        ({"structured_outputs": {}}, "structured_outputs"),
        ({"structured_outputs": {"regex": "a", "choice": ["b"]}}, "structured_outputs"),
        ({"structured_outputs": {"regexp": "a"}}, "structured_outputs.regexp"),
        ({"structured_outputs": {"regex": 7}}, "structured_outputs.regex"),
        ({"structured_outputs": {"regex": "(.{1,50}){1,50}"}}, "structured_outputs.regex"),
        ({"structured_outputs": {"regex": "a" * 20_000}}, "structured_outputs.regex"),
        ({"structured_outputs": {"choice": []}}, "structured_outputs.choice"),
        ({"structured_outputs": {"choice": [1]}}, "structured_outputs.choice"),
        ({"structured_outputs": {"choice": LARGE_ENUM["enum"]}}, "structured_outputs.choice"),
        ({"structured_outputs": {"json": LARGE_ENUM}}, "structured_outputs.json"),
        ({"structured_outputs": {"json": json.dumps(LARGE_ENUM)}}, "structured_outputs.json"),
        ({"structured_outputs": {"json": "{no"}}, "structured_outputs.json"),
        ({"structured_outputs": {"grammar": 'root ::= (("a"*)*)*'}}, "structured_outputs.grammar"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": WIDE}}},
         "response_format.json_schema.schema"),
        ({"response_format": {"json_schema": {"schema": {"items": {"pattern": "((a*)*)*"}}}}},
         "response_format.json_schema.schema"),
        ({"text": {"format": {"type": "json_schema", "schema": WIDE}}}, "text.format.schema"),
        ({"tools": [{"function": {"parameters": {}}}, {"function": {"parameters": WIDE}}]},
         "tools[1].function.parameters"),
        ({"tools": [{"name": "f", "input_schema": WIDE}]}, "tools[0].input_schema"),
        ({"guided_choice": ["a"]}, "guided_choice"),
        ({"functions": [{}]}, "functions"),
    ],
)  # fmt: skip
def test_names_the_field(body: dict[str, Any], field: str) -> None:
    """The message begins with the field, and the param is it."""
    with pytest.raises(Invalid) as caught:
        check_constraints(body)
    assert caught.value.param == field
    assert caught.value.message.startswith(f"{field}: ")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"structured_outputs": None, "tools": None, "response_format": None},
        {"structured_outputs": {"json": {"type": "object"}, "disable_any_whitespace": True}},
        {"structured_outputs": {"json_object": True}},
        {"response_format": {"type": "text"}, "text": "plain", "tools": "none"},
        {"tools": [{"type": "function", "function": {"name": "f"}}, 7]},
    ],
)
def test_lets_the_rest_pass(body: dict[str, Any]) -> None:
    """What else is wrong with a body is said elsewhere."""
    check_constraints(body)


async def test_the_gateway_refuses_before_any_engine_is_asked() -> None:
    """As a 400."""
    async with engines() as transport, client(gateway(transport)) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask(structured_outputs={"regex": "((a*)*)*"}))
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "structured_outputs.regex"
