"""Whether an answer meets the schema of its request, whatever schema a client may send."""

from __future__ import annotations

import time
from typing import Any

import pytest

from deployments.nodes.cascade.schema import MAX_CHARS, objection, schema_of
from deployments.request import Endpoint, Request

AGE: dict[str, Any] = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


def asked(endpoint: Endpoint, **body: Any) -> Request:
    return Request(endpoint=endpoint, model="", body=body)


@pytest.mark.parametrize(
    "request_",
    [
        asked("chat", response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": AGE}}),
        asked("chat", structured_outputs={"json": AGE}),
        asked("completion", structured_outputs={"json": '{"type": "object", "required": ["age"]}'}),
        asked("responses", text={"format": {"type": "json_schema", "schema": AGE}}),
        asked("messages", output_config={"format": {"type": "json_schema", "schema": AGE}}),
    ],
)
def test_finds_the_schema_of_every_surface(request_: Request) -> None:
    """Each surface has a place of its own for it."""
    schema = schema_of(request_)
    assert schema is not None
    assert schema["required"] == ["age"]


def test_any_object_will_do_where_only_an_object_is_asked_for() -> None:
    """OpenAI's older way."""
    schema = schema_of(asked("chat", response_format={"type": "json_object"}))
    assert schema is not None
    assert objection(schema, "{}") is None
    assert objection(schema, "[]") == "breaks the schema's type"


@pytest.mark.parametrize("body", [{}, {"response_format": {"type": "text"}}, {"response_format": "x"}, {"text": 1}])
def test_most_requests_have_none(body: dict[str, Any]) -> None:
    """And what is malformed is the engine's to refuse."""
    assert schema_of(asked("chat", **body)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"age": 1}', None),
        ('{"age": 1.5}', "breaks the schema's type"),
        ("{}", "breaks the schema's required"),
        ('```json\n{"age": 1}\n```', "not JSON"),
        ('{"age": 1', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("", "not JSON"),
    ],
)
def test_objections(text: str, reason: str | None) -> None:
    """The reason names the rule, and nothing that the answer said."""
    assert objection(AGE, text) == reason


def test_references_within_the_schema_are_followed() -> None:
    """Shared definitions are common."""
    schema = {"$defs": {"n": {"type": "integer"}}, "type": "array", "items": {"$ref": "#/$defs/n"}}
    assert objection(schema, "[1, 2]") is None
    assert objection(schema, '[1, "2"]') == "breaks the schema's type"


def _doubling(depth: int) -> dict[str, Any]:
    levels = {f"a{at}": {"allOf": [{"$ref": f"#/$defs/a{at + 1}"}] * 2} for at in range(depth)}
    return {"$ref": "#/$defs/a0", "$defs": {**levels, f"a{depth}": {"type": "integer"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "#"},
        {"$ref": "#/$defs/none"},
        {"type": "no such type"},
        {"properties": 3, "required": 4},
        {"pattern": "(a+)+$", "type": "string"},
        {"patternProperties": {"(a+)+$": {}}, "additionalProperties": False},
        _doubling(40),
        {"uniqueItems": True, "type": "array"},
    ],
)
@pytest.mark.parametrize("text", ['"' + "a" * 40 + '!"', '{"' + "a" * 40 + '!": 1}', "[" + "{}," * 20_000 + "{}]"])
def test_no_schema_takes_long_or_leads_outside(schema: dict[str, Any], text: str) -> None:
    """What cannot be applied within its bounds has no objection, beside rules that are cheap to break."""
    began_s = time.process_time()
    reason = objection(schema, text)
    assert time.process_time() - began_s < 2.0
    assert reason in (None, "breaks the schema's type")


def test_an_answer_too_long_to_judge_passes() -> None:
    """Its length is another criterion's business."""
    assert objection(AGE, "[" + "1," * MAX_CHARS + "1]") is None


def _padded(schema: dict[str, Any]) -> dict[str, Any]:
    """Return *schema* with as many definitions as a gateway lets pass."""
    return {**schema, "$defs": {**{f"d{at}": {} for at in range(4900)}, **schema.get("$defs", {})}}


NAMES = [f"name{at}" for at in range(50_000)]
COSTLY: dict[str, dict[str, Any]] = {
    "an anchor": _padded({"items": {"$ref": "#a"}, "$defs": {"t": {"$anchor": "a", "type": "integer"}}}),
    "a dynamic anchor": _padded({"items": {"$dynamicRef": "#a"}, "$defs": {"t": {"$dynamicAnchor": "a"}}}),
    "a name of a part": _padded({"items": {"$ref": "b"}, "$defs": {"t": {"$id": "b", "items": {}}}}),
    "a part with a root of its own": _padded({
        "items": {"$ref": "#/$defs/t/items"}, "$defs": {"t": {"$id": "http://b/", "items": {"$ref": "#/items/not"}}},
    }),
    "many keys": {"items": {"dependentRequired": {name: [] for name in NAMES}}},
    "many errors": {"items": {"anyOf": [{"required": NAMES}] * 2}},
    "many empty parts": {"items": {"allOf": [{}] * 4900}},
    "many trivial parts": {"items": {"allOf": [True] * 100_000}},
    "many false parts": {"anyOf": [{"allOf": [False] * 50_000}, {}]},
    "each item again": {"allOf": [{"items": {}}] * 2000},
    "all of it shown": {"anyOf": [{"type": "string"}] * 4900},
    "a long way": {"items": {"$ref": "#/" + "a/" * 400_000}},
}  # fmt: skip


@pytest.mark.parametrize("case", COSTLY)
@pytest.mark.parametrize("item", ["1", "{}", "[]"])
def test_judging_costs_little_whatever_the_rules_are(case: str, item: str) -> None:
    """What bounds the time is the work, not the number of rules."""
    text = "[" + f"{item}," * (MAX_CHARS // 3 - 3) + f"{item}]"
    for said in (text, f"[{item}" + f",{item}" * 99 + "]"):
        began_s = time.process_time()
        assert objection(COSTLY[case], said) in (None, "breaks the schema's anyOf")
        assert time.process_time() - began_s < 1.5


@pytest.mark.parametrize("draft", ["http://json-schema.org/draft-07/schema#", "urn:of-somebody"])
def test_a_part_cannot_name_other_rules(draft: str) -> None:
    """A part that names another draft is read by the same bounded rules: no pattern of it is run."""
    slow = {"$schema": draft, "type": "string", "pattern": "(a+)+$"}
    began_s = time.process_time()
    assert objection({"items": slow}, '["' + "a" * 26 + '!"]') is None
    assert time.process_time() - began_s < 1.0


def test_a_schema_that_names_its_draft_may_refer_to_itself() -> None:
    """As generators of schemas write them."""
    tree = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["v"],
            "properties": {"v": {"type": "integer"}, "next": {"$ref": "#"}}}  # fmt: skip
    assert objection(tree, '{"v": 1, "next": {"v": 2}}') is None
    assert objection(tree, '{"v": 1, "next": {"v": "2"}}') == "breaks the schema's type"


def test_a_long_answer_to_an_ordinary_schema_is_judged() -> None:
    """A few hundred objects are no great work."""
    people = {"type": "array", "items": {**AGE, "additionalProperties": False}}
    said = ",".join(['{"age": 1}'] * 500)
    assert objection(people, f"[{said}]") is None
    assert objection(people, f'[{said}, {{"age": "1"}}]') == "breaks the schema's type"
