"""Events that are like one before are rewritten as if each were read: the same bytes, whatever they look like."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.errors import EngineFailed
from deployments.graph.rewriting.alike import Alike, alike
from deployments.graph.rewriting.answer import Rewriting
from deployments.graph.rewriting.events import END, content_of, events_of, is_one
from deployments.graph.rewriting.spelling import SURFACES
from deployments.graph.rewriting.writing import Written
from deployments.pii.scanner import Scanner
from deployments.request import Endpoint, Frame, Head

Dumps = Callable[[Any], str]
SPOKEN: list[Endpoint] = ["chat", "completion", "messages", "responses"]
WAYS: list[Dumps] = [
    lambda value: msgspec.json.encode(value).decode(),
    json.dumps,
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
    lambda value: json.dumps(value, indent=1).replace("\n", " "),
]
PERSONAL = [" bob", "@exam", "ple.com", "138 0013", " 8000"]
TEXTS = st.one_of(
    st.sampled_from([*PERSONAL, "", '"', "\\", "\n", "content", "delta", "é", "张", "[DONE]"]), st.text(max_size=6)
)


def writing(*, source: bool) -> Written:
    return Written(Scanner(), lambda kind, _: f"[{kind}]", source=source)


def chat(text: str, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text, **more.pop("delta", {})}, "logprobs": None, "finish_reason": None}
    return {"id": "c", "created": 1, "model": "m", "choices": [{**choice, **more.pop("choice", {})}], **more}


def say(endpoint: Endpoint, text: str, number: int) -> dict[str, Any]:
    """Return an event of *endpoint* that adds *text*."""
    if endpoint == "chat":
        return chat(text)
    if endpoint == "completion":
        return {"id": "c", "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": None}]}
    if endpoint == "messages":
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
    named = {"type": "response.output_text.delta", "sequence_number": number, "item_id": "i", "output_index": 0}
    return {**named, "content_index": 0, "delta": text, "logprobs": []}


# What an event of a chat may be instead of one that adds a text and is like those before.
OTHERS: list[Callable[[str], dict[str, Any]]] = [
    lambda text: chat(text, choice={"logprobs": {"content": []}}),
    lambda text: chat(text, choice={"finish_reason": "stop"}),
    lambda text: chat(text, choice={"index": 1}),
    lambda text: chat(text, usage={"completion_tokens": 3}),
    lambda text: chat(text, delta={"reasoning": text}),
    lambda text: chat(text, delta={"tool_calls": [{"index": 0, "function": {"arguments": text}}]}),
    lambda text: chat("", choice={"delta": {"reasoning": text}}),
    lambda text: {"id": "c", "choices": [], "usage": {"prompt_tokens": 3}, "note": text},
    lambda text: {"error": {"message": text}},
]


def through(frames: list[Frame], endpoint: Endpoint) -> list[Frame] | str:
    """Return what comes out, or what the answer ended with."""
    answer = Rewriting(endpoint, stream=True, writing=writing)
    try:
        out = [answer.frame(frame) for frame in frames]
    except EngineFailed as error:
        return str(error)
    last = answer.end()
    return out if last is None else [*out, last]


def meant(frame: Frame, endpoint: Endpoint) -> tuple[str, list[Any]]:
    """Return the text of a frame, and what its events say, where what some add to a text one behind the other is one's.

    An event that adds nothing says nothing.
    """
    said: list[Any] = []
    for event in events_of(frame.data):
        content = content_of(event)
        value = content.decode() if content == END else msgspec.json.decode(content)
        pieces = [] if content == END else list(SURFACES[endpoint].pieces(value))
        if len(pieces) == 1:
            text, pieces[0].holder[pieces[0].field] = pieces[0].holder[pieces[0].field], ""
            if said and said[-1][0] == value:
                said[-1][1] += text
            else:
                said.append([value, text])
        else:
            said.append([value, ""])
    return frame.text, said


def both_ways(data: list[bytes], endpoint: Endpoint) -> None:
    """Hold what comes out to what comes out where every event is read: the same bytes where each came by itself."""
    frames = [Frame(data=one, text="x", head=None if at else Head(model="m", path=())) for at, one in enumerate(data)]
    quick = through(frames, endpoint)
    with patch.object(Alike, "read", lambda *_: None):
        slow = through(frames, endpoint)
    if isinstance(quick, str) or isinstance(slow, str) or all(map(is_one, data)):
        assert quick == slow
    else:
        assert [meant(one, endpoint) for one in quick] == [meant(one, endpoint) for one in slow]


@pytest.mark.parametrize("endpoint", SPOKEN)
@settings(max_examples=150, deadline=None)
@given(texts=st.lists(TEXTS, max_size=12), way=st.sampled_from(WAYS), cuts=st.sets(st.integers(0, 12)))
def test_events_are_rewritten_as_if_each_were_read(
    endpoint: Endpoint, texts: list[str], way: Dumps, cuts: set[int]
) -> None:
    """On each surface, however JSON is written, one event in a frame or several."""
    events = [f"data: {way(say(endpoint, text, at))}\n\n".encode(errors="replace") for at, text in enumerate(texts)]
    bounds = [0, *sorted(cut for cut in cuts if 0 < cut < len(events)), len(events)]
    joined = (b"".join(events[begin:end]) for begin, end in pairwise(bounds))
    both_ways([*filter(None, joined), b"data: [DONE]\n\n"], endpoint)


@settings(max_examples=300, deadline=None)
@given(drawn=st.lists(st.tuples(TEXTS, st.one_of(st.none(), st.none(), st.sampled_from(OTHERS))), max_size=14))
def test_what_is_not_alike_is_read(drawn: list[tuple[str, Callable[[str], dict[str, Any]] | None]]) -> None:
    """Between events that are alike, whatever comes is read as ever, and held texts go out at their ends."""
    values = [chat(text) if other is None else other(text) for text, other in drawn]
    events = [b"data: " + msgspec.json.encode(value) + b"\n\n" for value in values]
    both_ways(events, "chat")
    both_ways([b"".join(events[:3]), b"".join(events[3:])] if events else [], "chat")


def like(event: bytes) -> Alike | None:
    value = msgspec.json.decode(event.removeprefix(b"data: "))
    return alike(event, value, next(iter(SURFACES["chat"].pieces(value))))


EVENT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":" a"}}]}\n\n'


def test_what_is_like_an_event_is_read_and_written() -> None:
    """Escapes and all."""
    found = like(EVENT)
    assert found is not None
    assert found.read(EVENT.replace(b'" a"', b'"\\u00e9 \\"x\\""')) == 'é "x"'
    assert found.written('b"') == EVENT.replace(b'" a"', b'"b\\""')


@pytest.mark.parametrize(
    ("was", "instead"),
    [
        (b'"c"', b'"d"'),  # another answer's
        (b'" a"', b'" a","refusal":"b"'),  # a text more
        (b'" a"', b'" a"}},{"index":1,"delta":{"content":"b"'),  # a choice more
        (b'" a"', b'\n" a"'),  # a line more
        (b'" a"', b'" \n"'),  # no JSON
        (b'" a"', b'"\xff"'),  # no UTF-8
        (b'" a"', b'"\\ud800"'),  # half a character
        (b'" a"', b"null"),
        (b'" a"', b'"'),
    ],
)
def test_anything_else_in_an_event_makes_it_another(was: bytes, instead: bytes) -> None:
    """It is left to be read."""
    found = like(EVENT)
    assert found is not None
    assert found.read(EVENT.replace(was, instead)) is None


@pytest.mark.parametrize(
    "event",
    [
        EVENT.replace(b'" a"', b'""'),  # nothing to look for
        EVENT.replace(b'" a"', b'" \\u0061"'),  # not written as it would be
        EVENT.replace(b"\n\n", b"\r\n\r\n"),
        EVENT.replace(b'" a"', b'" a"').replace(b'"c"', b'"\\u0000any text\\u0000"'),
    ],
)
def test_what_is_not_certain_is_no_likeness(event: bytes) -> None:
    """Such events are all read."""
    assert like(event) is None


def test_a_text_is_found_among_others_of_the_same_letters() -> None:
    """Where it stands is told by what the event means with another in its place."""
    event = EVENT.replace(b'" a"', b'"content"')
    found = like(event)
    assert found is not None
    assert found.read(EVENT) == " a"
    twice = EVENT.replace(b'"content":" a"', b'"content":" a","content":" a"')
    found = like(twice)
    assert found is not None
    assert found.before.count(b"content") == 2  # the last counts


@pytest.mark.parametrize("endpoint", ["chat", "completion", "messages"])
def test_events_that_are_alike_are_not_parsed(endpoint: Endpoint) -> None:
    """But for the first of them, however few or many a frame holds."""
    events = [f"data: {json.dumps(say(endpoint, text, 0))}\n\n".encode() for text in ("to", "be", "or", "not")]
    answer = Rewriting(endpoint, stream=True, writing=writing)
    first = answer.frame(Frame(data=events[0]))
    with patch("deployments.graph.rewriting.answer.read", side_effect=AssertionError):
        rest = [answer.frame(Frame(data=events[1])), answer.frame(Frame(data=b"".join(events[2:])))]
    last = answer.end()
    assert "".join(frame.text for frame in (first, *rest, last) if frame is not None) == "tobeornot"


def test_what_tells_of_each_token_is_never_taken_for_another() -> None:
    """Several of them are not one: each has its own entry beside the text."""
    told = chat("7", choice={"logprobs": {"content": [{"token": "7", "logprob": 0.0}]}})
    event = b"data: " + msgspec.json.encode(told) + b"\n\n"
    surface = SURFACES["chat"]
    value = msgspec.json.decode(content_of(event))
    (piece,) = surface.pieces(value)
    assert alike(event, value, piece) is None


@pytest.mark.parametrize("depth", range(960, 1000, 3))
def test_an_event_too_deep_to_render_is_read_as_any_other(depth: int) -> None:
    """Looking for what is like it fails nothing that would have passed."""
    deep = "[" * depth + "]" * depth
    event = f'data: {{"id":"c","x":{deep},"choices":[{{"index":0,"delta":{{"content":"hi."}}}}]}}\n\n'.encode()
    with patch("deployments.graph.rewriting.alike.alike", return_value=None):
        plainly = through([Frame(data=event)], "chat")
    assert through([Frame(data=event)], "chat") == plainly
