"""Structured output through the gateway: what comes fits, and what cannot be followed is refused by name."""

from __future__ import annotations

import json
import re
from typing import Any

import openai
import pytest

from tests.e2e.trio import client
from tests.serving import Serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

ASKED: dict[str, Any] = {
    "model": "dense",
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
    "max_tokens": 80,
    "temperature": 0,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "weather", "strict": True, "schema": SCHEMA}}
LOOPS: dict[str, Any] = {
    "$ref": "#/$defs/a",
    "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
}
RECURSIVE: dict[str, Any] = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["next"],
        }
    },
}


def text(surface: Serving, **more: Any) -> str:
    answer = client(surface.url).chat.completions.create(**ASKED, extra_body=more)
    return answer.choices[0].message.content or ""


def test_an_answer_by_schema_streamed_and_whole(surface: Serving) -> None:
    """The same JSON either way, with every key that is required."""
    api = client(surface.url)
    whole = api.chat.completions.create(**ASKED, response_format=FORMAT).choices[0]
    stream = api.chat.completions.create(**ASKED, response_format=FORMAT, stream=True)
    streamed = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert whole.message.content == streamed
    read = json.loads(streamed)
    assert set(read) == {"city", "degrees"}
    assert isinstance(read["degrees"], int)
    assert whole.finish_reason == "stop"


@pytest.mark.parametrize(
    ("constraint", "fits"),
    [
        ({"regex": "[A-Z]{3}-[0-9]{2}"}, r"[A-Z]{3}-[0-9]{2}"),
        ({"choice": ["sunny", "rainy"]}, "sunny|rainy"),
        ({"grammar": 'root ::= "a" digit digit "z"\ndigit ::= [0-9]\n'}, r"a\d\dz"),
        ({"grammar": 'start: "a" DIGIT DIGIT "z"\nDIGIT: /[0-9]/\n'}, r"a\d\dz"),
        ({"json": {"enum": [1, 2]}}, "[12]"),
        ({"json_object": True}, r"(?s)\s*\{.*"),
    ],
)
def test_every_kind_of_constraint_is_followed(surface: Serving, constraint: dict[str, Any], fits: str) -> None:
    """In both endpoints; a grammar may be written as EBNF or as Lark."""
    assert re.fullmatch(fits, text(surface, structured_outputs=constraint))
    completion = client(surface.url).completions.create(
        model="dense", prompt="It is", max_tokens=40, extra_body={"structured_outputs": constraint}
    )
    assert re.fullmatch(fits, completion.choices[0].text)


def test_an_object_by_name_is_json(surface: Serving) -> None:
    """`json_object` without a schema."""
    answer = client(surface.url).chat.completions.create(
        **{**ASKED, "max_tokens": 40}, response_format={"type": "json_object"}
    )
    assert (answer.choices[0].message.content or "").lstrip().startswith("{")


def test_a_schema_may_refer_to_itself(surface: Serving) -> None:
    """As trees and lists do."""
    assert text(surface, structured_outputs={"json": RECURSIVE}).lstrip().startswith("{")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"structured_outputs": {"regex": "(unclosed"}}, "structured_outputs"),
        ({"structured_outputs": {"regex": r"(a)\1"}}, "structured_outputs"),
        ({"structured_outputs": {"regex": "a\u0000"}}, "structured_outputs"),
        ({"structured_outputs": {"regex": "((a{1,200}){1,200}){1,200}"}}, "structured_outputs.regex"),
        ({"structured_outputs": {"grammar": "root ::= nope"}}, "structured_outputs"),
        ({"structured_outputs": {"grammar": "(((("}}, "structured_outputs"),
        ({"structured_outputs": {"grammar": " "}}, "structured_outputs"),
        ({"structured_outputs": {"json": {"type": "wat"}}}, "structured_outputs"),
        ({"structured_outputs": {"json": {"$ref": "#/$defs/none"}}}, "structured_outputs"),
        ({"structured_outputs": {"json": LOOPS}}, "structured_outputs"),
        ({"structured_outputs": {"json": {"type": "array", "items": {}, "uniqueItems": True}}}, "structured_outputs"),
        ({"structured_outputs": {"choice": []}}, "structured_outputs.choice"),
        ({"structured_outputs": {"choice": ["a"], "regex": "a"}}, "structured_outputs"),
        ({"structured_outputs": {"json": {"enum": [f"{at}" for at in range(20_000)]}}}, "structured_outputs.json"),
        ({"guided_choice": ["a", "b"]}, "guided_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "yaml"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": "#"}}}},
         "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"properties": 7}}}},
         "response_format"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(surface: Serving, wrong: dict[str, Any], field: str) -> None:
    """A 400 that names the field, never a fault of the server."""
    with pytest.raises(openai.BadRequestError) as caught:
        text(surface, **wrong)
    assert str(caught.value.param).startswith(field), caught.value


def test_what_takes_too_long_to_follow_ends_alone(surface: Serving) -> None:
    """A grammar of 2^40 readings is given up, and what runs beside it is answered."""
    rules = [f"r{at} ::= r{at + 1} r{at + 1}" for at in range(40)]
    grammar = "\n".join(["root ::= r0", *rules, 'r40 ::= "a"?'])
    with pytest.raises(openai.BadRequestError, match="takes too long"):
        text(surface, structured_outputs={"grammar": grammar}, ignore_eos=True)
    assert text(surface)
