"""Texts of an answer are rewritten wherever they stand, on every surface, and however the stream is cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.engines.rendering import Ending, Usage
from deployments.engines.renderings import rendering_of
from deployments.errors import EngineFailed
from deployments.graph.rewriting.answer import Rewriting
from deployments.graph.rewriting.escapes import Unescaped
from deployments.graph.rewriting.events import content_of, events_of
from deployments.graph.rewriting.writing import Written
from deployments.pii.scanner import Scanner
from deployments.request import Endpoint, Frame, Head, Request
from tests.deployments.pii.samples import fed, merged, pieces
from tests.deployments.scripted import context

SPOKEN: list[Endpoint] = ["chat", "completion", "messages", "responses"]
MAIL = "bob@example.com"


def writing(*, source: bool) -> Written:
    return Written(Scanner(), lambda kind, _: f"[{kind}]", source=source)


def rewriting(endpoint: Endpoint = "chat", *, stream: bool = True) -> Rewriting:
    return Rewriting(endpoint, stream=stream, writing=writing)


def event(value: dict[str, Any], name: str = "") -> bytes:
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + json.dumps(value).encode() + b"\n\n"


def events(data: bytes) -> list[dict[str, Any]]:
    """Return the events of a stream as a client reads them."""
    contents = (content_of(one) for one in events_of(data))
    return [json.loads(content) for content in contents if content and content != b"[DONE]"]


def passed(frames: list[Frame], endpoint: Endpoint = "chat") -> tuple[bytes, str]:
    """Return the bytes that come out, and the text that nodes above see."""
    answer = rewriting(endpoint)
    out = [answer.frame(frame) for frame in frames]
    last = answer.end()
    out += [] if last is None else [last]
    return b"".join(frame.data for frame in out), "".join(frame.text for frame in out)


def rendered(endpoint: Endpoint, parts: list[str]) -> Iterator[Frame]:
    """Yield the frames in which an engine renders an answer of *parts*."""
    request = Request(endpoint=endpoint, model="m", body={"messages": []}, stream=True)
    answer = rendering_of(request, context(), model="m", prompt_tokens=3, created=1)
    yield Frame(data=answer.opening(), head=Head(model="m", path=("m",)))
    for part in parts[:-1]:
        yield Frame(data=answer.delta(part), text=part, tokens=1)
    usage = Usage(prompt_tokens=3, completion_tokens=len(parts))
    ending = Ending(text="".join(parts), finish_reason="stop", usage=usage)
    yield Frame(data=answer.last(parts[-1], ending), text=parts[-1], tokens=1, finish_reason="stop")


@pytest.mark.parametrize("endpoint", SPOKEN)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 200), max_size=12))
def test_a_stream_is_rewritten_as_the_whole_text_is(endpoint: Endpoint, cuts: list[int]) -> None:
    """On each surface; nothing of a value is anywhere in the bytes, and events keep their numbers."""
    text = f"Write to {MAIL}, or call +86 138 0013 8000. My server is 10.1.2.3"
    data, seen = passed(list(rendered(endpoint, pieces(text, cuts))), endpoint)
    assert seen == "Write to [EMAIL], or call [PHONE]. My server is [IP]"
    assert MAIL.encode() not in data
    assert b"8000" not in data
    numbers = [one["sequence_number"] for one in events(data) if "sequence_number" in one]
    assert numbers == list(range(len(numbers)))
    if endpoint == "responses":
        assert events(data)[-1]["response"]["output"][0]["content"][0]["text"] == seen


def call(arguments: str, index: int = 0, **more: Any) -> Frame:
    """Return the frame of a piece of a tool call's arguments."""
    delta = {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}
    return Frame(data=event({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None, **more}]}))


def arguments(data: bytes, index: int = 0) -> str:
    calls = [
        one for value in events(data) for choice in value["choices"] for one in choice["delta"].get("tool_calls", ())
    ]
    return "".join(one["function"]["arguments"] for one in calls if one["index"] == index)


@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(st.integers(0, 200), max_size=12), ascii_=st.booleans())
def test_arguments_of_tools_are_read_as_what_their_source_says(cuts: list[int], ascii_: bool) -> None:
    """Escapes hide nothing and are not taken for letters; what comes out is JSON again."""
    source = json.dumps({"to": MAIL, "text": 'line\n13800138000 "q" \\ 张'}, ensure_ascii=ascii_).replace(
        "@", "\\u0040"
    )
    data, _ = passed([call(part) for part in pieces(source, cuts)])
    assert json.loads(arguments(data)) == {"to": "[EMAIL]", "text": 'line\n[PHONE] "q" \\ 张'}


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 60), max_size=8))
def test_a_bare_number_in_json_becomes_a_string(cuts: list[int]) -> None:
    """What stands for it is none, and the arguments are to stay JSON."""
    source = '{"tel": 13800138000, "q": "a \\"13800138000\\" b", "n": [1, 13800138000]}'
    data, _ = passed([call(part) for part in pieces(source, cuts)])
    assert json.loads(arguments(data)) == {"tel": "[PHONE]", "q": 'a "[PHONE]" b', "n": [1, "[PHONE]"]}


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet='ab@.1\\u0"n c', max_size=40), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_source_is_cut_the_same_however_it_is_split(text: str, cuts: list[int]) -> None:
    """Valid or not; and all of it comes out."""
    whole = fed(Unescaped(Scanner()), [text])
    assert "".join(one.text for one in whole) == text
    assert fed(Unescaped(Scanner()), pieces(text, cuts)) == whole
    assert merged(Unescaped(Scanner()).end(text)) == whole


def test_a_call_is_whole_before_the_next_begins() -> None:
    """Clients act on a call when another one begins."""
    answer = rewriting()
    out = [answer.frame(call('{"a": "x')).data, answer.frame(call('y"}')).data, answer.frame(call("{", index=1)).data]
    before = [
        event_ for event_ in events(b"".join(out)) if event_["choices"][0]["delta"]["tool_calls"][0]["index"] == 0
    ]
    assert (
        "".join(one["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] for one in before) == '{"a": "xy"}'
    )


def test_thoughts_are_whole_before_the_words() -> None:
    """What is held of a text comes out when the choice goes over to another."""

    def said(**delta: str) -> Frame:
        return Frame(data=event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}))

    out = events(passed([said(reasoning=f"ask {MAIL}"), said(content="hello")])[0])
    deltas = [one["choices"][0]["delta"] for one in out]
    assert deltas == [{"reasoning": "ask "}, {"reasoning": "[EMAIL]"}, {"content": ""}, {"content": "hello"}]


def test_choices_are_apart() -> None:
    """A value does not come together from two answers."""

    def said(index: int, text: str) -> Frame:
        return Frame(data=event({"choices": [{"index": index, "delta": {"content": text}, "finish_reason": None}]}))

    data, seen = passed([said(0, "bob@exam"), said(1, "ple.com "), said(0, "ple.com "), said(1, "x")])
    assert seen == "[EMAIL] "
    assert (
        b"ple.com x" in b"".join(json.dumps(one["choices"][0]["delta"]).encode() for one in events(data))
        or b"ple.com " in data
    )


def test_bytes_without_a_change_pass_as_they_came() -> None:
    """Also comments, the end mark, and whatever a frame holds beside text."""
    data = (
        b": tercet {}\n\n"
        + event({"choices": [{"index": 0, "delta": {"content": "Hello, "}}], "x": 1.50})
        + b"data: [DONE]\n\n"
    )
    assert passed([Frame(data=data, text="Hello, ")]) == (data, "Hello, ")
    body = Frame(data=b'{"choices": [{"message": {"content": "Hello"}}]}', text="Hello")
    assert rewriting(stream=False).frame(body).data is body.data


def test_a_whole_answer_is_rewritten_in_all_its_texts() -> None:
    """Words, thoughts and arguments; what machines read stays."""
    message = {
        "content": MAIL,
        "reasoning": MAIL,
        "tool_calls": [{"id": MAIL, "function": {"name": "f", "arguments": '{"a": "b\\u0040c.com"}'}}],
    }
    body = Frame(data=json.dumps({"id": MAIL, "choices": [{"message": message}]}).encode(), text=MAIL)
    out = rewriting(stream=False).frame(body)
    read = json.loads(out.data)
    assert read["id"] == MAIL
    told = read["choices"][0]["message"]
    assert (told["content"], told["reasoning"], out.text) == ("[EMAIL]", "[EMAIL]", "[EMAIL]")
    assert told["tool_calls"][0] == {"id": MAIL, "function": {"name": "f", "arguments": '{"a": "[EMAIL]"}'}}


@pytest.mark.parametrize("stream", [True, False])
def test_what_cannot_be_read_is_not_passed_on(stream: bool) -> None:
    """It might hold anything."""
    with pytest.raises(EngineFailed, match="no JSON"):
        rewriting(stream=stream).frame(Frame(data=b"data: \xff\n\n" if stream else b"\xff", text="?"))


def test_an_answer_nested_too_deep_is_not_passed_on() -> None:
    """Nobody could search it."""
    with pytest.raises(EngineFailed, match="nested deeper"):
        rewriting(stream=False).frame(Frame(data=b'{"a":' * 300 + b"1" + b"}" * 300))


def test_a_head_before_any_answer_begins_again() -> None:
    """What a branch that was given up had said of an opening counts no more."""
    answer = rewriting("responses")
    opening = next(rendered("responses", ["a"]))
    answer.frame(opening)
    data = b"".join(answer.frame(frame).data for frame in rendered("responses", ["bob@", "example.com"]))
    assert [one["sequence_number"] for one in events(data)] == list(range(len(events(data))))
