"""Answers in a node's own words have the forms of the engines' answers."""

from __future__ import annotations

import json
import re
from typing import Any

import anthropic.types
import openai.types.chat
import openai.types.responses
import pytest

from deployments.engines.readers import reader_of
from deployments.graph.disclosure import comment, comments_in, field_of, with_field
from deployments.graph.speaking import SPOKEN, Speaker
from deployments.request import Endpoint, Frame, Request
from tests.deployments.scripted import context

BODIES: dict[Endpoint, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "hi"}], "stream_options": {"include_usage": True}},
    "completion": {"prompt": "hi", "stream_options": {"include_usage": True}},
    "messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
    "responses": {"input": "hi"},
}
TYPES: dict[Endpoint, Any] = {
    "chat": openai.types.chat.ChatCompletion,
    "completion": openai.types.Completion,
    "messages": anthropic.types.Message,
    "responses": openai.types.responses.Response,
}


def spoken(
    endpoint: Endpoint, *, stream: bool, finish_reason: str = "stop", pieces: tuple[str, ...] = ("Hel", "lo")
) -> list[Frame]:
    request = Request(endpoint=endpoint, model="", body=BODIES[endpoint], stream=stream)
    speaker = Speaker(request, context(), model="dense")
    said = [speaker.say(piece, tokens=2) for piece in pieces]
    return [*said, speaker.end(" world", tokens=3, prompt_tokens=11, finish_reason=finish_reason)]


def events(frames: list[Frame]) -> list[bytes]:
    data = b"".join(frame.data for frame in frames)
    return [event + b"\n\n" for event in data.split(b"\n\n") if event]


@pytest.mark.parametrize("finish_reason", ["stop", "length"])
@pytest.mark.parametrize("endpoint", sorted(SPOKEN))
def test_a_stream_reads_as_what_was_said(endpoint: Endpoint, finish_reason: str) -> None:
    """Read as an engine's stream is read: the text, the finish reason, one end; the frames say the same."""
    frames = spoken(endpoint, stream=True, finish_reason=finish_reason)
    read = [reader_of(endpoint).event(event) for event in events(frames)]
    assert "".join(one.text for one in read) == "".join(frame.text for frame in frames) == "Hello world"
    assert [one.finish_reason for one in read if one.finish_reason] == [finish_reason] == [frames[-1].finish_reason]
    assert [one.done for one in read].index(True) == len(read) - 1
    assert sum(frame.tokens for frame in frames) == 7
    assert frames[-1].prompt_tokens == 11


@pytest.mark.parametrize("finish_reason", ["stop", "length"])
@pytest.mark.parametrize("endpoint", sorted(SPOKEN))
def test_a_whole_answer_is_one_that_the_official_clients_know(endpoint: Endpoint, finish_reason: str) -> None:
    """Only the last frame has data: a body of the clients' own types, with the usage."""
    *held, last = spoken(endpoint, stream=False, finish_reason=finish_reason)
    assert not any(frame.data for frame in held)
    body = json.loads(last.data)
    TYPES[endpoint].model_validate(body)
    assert reader_of(endpoint).body(last.data).text == last.text == "Hello world"
    assert reader_of(endpoint).body(last.data).finish_reason == finish_reason
    usage = {name: value for name, value in body["usage"].items() if isinstance(value, int)}
    assert sorted(usage.values()) in ([7, 11], [7, 11, 18])
    assert (last.tokens, last.prompt_tokens) == (7, 11)


def test_a_stream_tells_usage_where_it_is_asked_for() -> None:
    """With include_usage, the event before the mark; for messages, when the answer ends."""
    assert b'"completion_tokens":7' in spoken("chat", stream=True)[-1].data
    assert b'"input_tokens":11,"output_tokens":7' in spoken("messages", stream=True)[-1].data


@pytest.mark.parametrize("endpoint", sorted(SPOKEN))
def test_a_stream_opens_once_and_late(endpoint: Endpoint) -> None:
    """Nothing is sent before there is text, so that another branch may still take over; then the opening, once."""
    frames = spoken(endpoint, stream=True, pieces=("", "a", "", "b"))
    assert [bool(frame.data) for frame in frames] == [False, True, False, True, True]
    kinds = re.findall(rb"role\":\"assistant|message_start|response\.created", b"".join(frame.data for frame in frames))
    assert len([kind for kind in kinds if kind == kinds[0]]) <= 2
    assert spoken(endpoint, stream=True, pieces=())[0].data.count(b"world") >= 1


def test_what_is_told_beside_an_answer_leaves_it_as_it_is() -> None:
    """A comment is one event that clients skip; a field is added at the end of a body and can be read again."""
    told = {"a": "line\nbreak", "b": [1]}
    assert comment(told).count(b"\n") == 2
    assert json.loads(with_field(b'{"id":"x"}\n', told)) == {"id": "x", "tercet": told}
    assert json.loads(with_field(b"{ }", told)) == {"tercet": told}
    assert field_of(with_field(b'{"id":"x"}', told)) == told
    assert field_of(b'{"id":"x"}') == {}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_comments_are_found_wherever_they_stand_in_a_stream(end: bytes) -> None:
    """Frames may hold several events; a colon elsewhere makes no comment."""
    told, event = comment({"a": ":"}), b'data: {"b":": c"}' + 2 * end
    assert comments_in(told) == told
    assert comments_in(b": kept alive" + 2 * end + event + told + event + told) == b": kept alive\n\n" + told + told
    assert comments_in(event) == comments_in(b"") == b""
