"""Tool calls through the gateway, whole and streamed, with arguments that fit their schema."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from tests.e2e.trio import client
from tests.serving import Serving, counted, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

QUESTION: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
CITIES, UNITS = ["Paris", "Rome"], ["c", "f"]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": CITIES}, "unit": {"type": "string", "enum": UNITS}},
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}
NAMED = {"type": "function", "function": {"name": "get_weather"}}
ASKED: dict[str, Any] = {"model": "dense", "messages": QUESTION, "tools": [WEATHER], "max_tokens": 80, "temperature": 0}


def completed(surface: Serving) -> float:
    return counted(surface, "tercet_tokens_total", model="dense", kind="completion")


def assert_fits(arguments: str) -> None:
    read = json.loads(arguments)
    assert set(read) == {"city", "unit"}
    assert read["city"] in CITIES
    assert read["unit"] in UNITS


@pytest.mark.parametrize(("choice", "finish"), [("required", "tool_calls"), (NAMED, "stop")])
def test_a_call_comes_whole_with_arguments_that_fit(surface: Serving, choice: Any, finish: str) -> None:
    """A forced call of a strict tool can say nothing else; OpenAI ends a named one with `stop`."""
    (answer,) = client(surface.url).chat.completions.create(**ASKED, tool_choice=choice).choices
    (call,) = answer.message.tool_calls or []
    assert answer.finish_reason == finish
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert_fits(call.function.arguments)


@pytest.mark.parametrize(("choice", "finish"), [("required", "tool_calls"), (NAMED, "stop")])
def test_a_streamed_call_adds_up_to_the_whole_one(surface: Serving, choice: Any, finish: str) -> None:
    """Name and id come first, then the arguments piece by piece; usage and metrics count every token."""
    api = client(surface.url)
    (whole,) = api.chat.completions.create(**ASKED, tool_choice=choice).choices
    before = completed(surface)
    chunks = list(
        api.chat.completions.create(**ASKED, tool_choice=choice, stream=True, stream_options={"include_usage": True})
    )
    deltas = [chunk.choices[0] for chunk in chunks if chunk.choices]
    calls = [call for one in deltas for call in one.delta.tool_calls or []]
    assert calls[0].id
    assert [call.function.name for call in calls if call.function and call.function.name] == ["get_weather"]
    pieces = [call.function.arguments for call in calls if call.function and call.function.arguments]
    assert len(pieces) > 3
    assert "".join(pieces) == (whole.message.tool_calls or [])[0].function.arguments
    assert deltas[-1].finish_reason == finish
    usage = chunks[-1].usage
    assert usage is not None
    until(lambda: completed(surface) - before == usage.completion_tokens, within_s=5, what="every token counted")


def test_several_choices_each_make_their_call(surface: Serving) -> None:
    """With n, streamed calls are told apart by their choice's index."""
    stream = client(surface.url).chat.completions.create(
        **{**ASKED, "temperature": 1}, tool_choice="required", n=2, seed=1, stream=True
    )
    arguments = {0: "", 1: ""}
    for chunk in stream:
        for one in chunk.choices:
            for call in one.delta.tool_calls or []:
                arguments[one.index] += (call.function and call.function.arguments) or ""
    for text in arguments.values():
        assert_fits(text)


def test_a_tools_result_goes_back_in(surface: Serving) -> None:
    """The model goes on from what it called and what came of it: another result, another answer."""
    called = {"id": "call-1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    answers = []
    for result in ("18 degrees and sunny", "minus 5 degrees, snow and a strong wind"):
        messages = [
            *QUESTION,
            {"role": "assistant", "content": None, "tool_calls": [called]},
            {"role": "tool", "tool_call_id": "call-1", "content": result},
        ]
        answer = client(surface.url).chat.completions.create(**{**ASKED, "messages": messages}, tool_choice="none")
        assert not answer.choices[0].message.tool_calls
        answers.append(answer.choices[0].message.content)
    assert all(answers)
    assert answers[0] != answers[1]


def test_tools_may_be_left_alone(surface: Serving) -> None:
    """By `auto` the model may answer in words, which then are its content."""
    answer = client(surface.url).chat.completions.create(**{**ASKED, "max_tokens": 5}, tool_choice="auto")
    assert answer.choices[0].message.content or answer.choices[0].message.tool_calls


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"tool_choice": "required", "tools": None}, "tool_choice"),
        ({"tools": []}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"functions": [WEATHER["function"]]}, "functions"),
        ({"tools": [{**WEATHER, "function": {**WEATHER["function"], "parameters": {"type": "wat"}}}],
          "tool_choice": "required"}, "tools"),
    ],
)  # fmt: skip
def test_tools_that_make_no_sense_are_refused(surface: Serving, wrong: dict[str, Any], field: str) -> None:
    """By name, and the engine goes on."""
    body = {key: value for key, value in {**ASKED, **wrong}.items() if value is not None}
    with pytest.raises(openai.BadRequestError) as caught:
        client(surface.url).post("/chat/completions", body=body, cast_to=object)
    assert str(caught.value.param).startswith(field), caught.value
