"""What nodes look at, read from named events and whole bodies of responses and messages."""

from __future__ import annotations

import msgspec
import pytest

from deployments.engines.messages_wire import MessageAnswer
from deployments.engines.readers import reader_of
from deployments.engines.rendering import Ending, Rendering, Usage
from deployments.engines.responses_wire import ResponseAnswer
from deployments.engines.wire_fields import Fields
from deployments.request import Endpoint

RESPONSE = ResponseAnswer(id="resp_1", created=1, model="m", asked={})
MESSAGE = MessageAnswer(id="msg_1", model="m", prompt_tokens=3)
BOTH = pytest.mark.parametrize(("endpoint", "written"), [("responses", RESPONSE), ("messages", MESSAGE)])


def ending(reason: str) -> Ending:
    return Ending(text="Hello 你好", finish_reason=reason, usage=Usage(prompt_tokens=3, completion_tokens=2))


def read(endpoint: Endpoint, stream: bytes) -> list[Fields]:
    return [reader_of(endpoint).event(event + b"\n\n") for event in stream.removesuffix(b"\n\n").split(b"\n\n")]


@BOTH
def test_what_is_rendered_is_read_back(endpoint: Endpoint, written: Rendering) -> None:
    """Openings, text, the reason to stop in the words of chats, and one end."""
    assert all(fields == Fields(opening=True) for fields in read(endpoint, written.opening()))
    assert read(endpoint, written.delta("Hello")) == [Fields(text="Hello")]
    for reason in ("stop", "length"):
        last = read(endpoint, written.last(" 你好", ending(reason)))
        assert "".join(fields.text for fields in last) == " 你好"
        assert [fields.finish_reason for fields in last if fields.finish_reason] == [reason]
        assert [fields.done for fields in last] == [False] * (len(last) - 1) + [True]
        assert reader_of(endpoint).body(written.whole(ending(reason))) == Fields(
            text="Hello 你好", finish_reason=reason
        )


@pytest.mark.parametrize(
    ("endpoint", "event"),
    [
        ("responses", b'event: error\ndata: {"type":"error","message":"m","param":"p","code":"c"}\n\n'),
        ("messages", b'event: error\ndata: {"type":"error","error":{"type":"internal_error","message":"m"}}\n\n'),
    ],
)
def test_an_error_is_not_an_answer(endpoint: Endpoint, event: bytes) -> None:
    """Each surface has its own place for the message."""
    fields = reader_of(endpoint).event(event)
    assert fields.error is not None
    assert fields.error.message == "m"


@pytest.mark.parametrize(
    ("endpoint", "name", "data"),
    [
        ("responses", "response.function_call_arguments.delta", {"delta": '{"a'}),
        ("responses", "response.reasoning_text.delta", {"delta": "hm"}),
        ("responses", "response.of_a_later_version", {"x": 1}),
        ("messages", "content_block_delta", {"delta": {"type": "input_json_delta", "partial_json": '{"a'}}),
        ("messages", "content_block_delta", {"delta": {"type": "thinking_delta", "thinking": "hm"}}),
        ("messages", "of_a_later_version", {"x": 1}),
    ],
)
def test_what_is_no_text_is_passed_over(endpoint: Endpoint, name: str, data: dict[str, object]) -> None:
    """Tool calls, reasoning and events of later versions are no text and no problem."""
    event = f"event: {name}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"
    assert reader_of(endpoint).event(event) == Fields()


def test_vectors_are_not_looked_into() -> None:
    """A body of a million numbers costs nothing to read."""
    assert reader_of("embeddings").body(b"not even JSON") == Fields()
