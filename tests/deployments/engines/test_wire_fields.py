"""The few fields that nodes look at, read from what vLLM and the synthetic renderer write."""

from __future__ import annotations

import pytest

from deployments.engines.openai_wire import DONE, Answer
from deployments.engines.rendering import Ending, Usage
from deployments.engines.wire_fields import Fields, of_body, of_event

CHAT = Answer(id="a", created=1, model="m", endpoint="chat")
COMPLETION = Answer(id="a", created=1, model="m", endpoint="completion")
USAGE = Usage(prompt_tokens=1, completion_tokens=2)


@pytest.mark.parametrize("answer", [CHAT, COMPLETION])
def test_what_is_rendered_is_read_back(answer: Answer) -> None:
    """Deltas, reasons, usage, the end mark and whole bodies, of both endpoints."""
    assert of_event(answer.delta("你好")) == Fields(text="你好")
    assert of_event(answer.delta("", "stop")) == Fields(finish_reason="stop")
    assert of_event(answer.usage(USAGE)) == Fields(closing=True)
    assert of_event(DONE) == Fields(closing=True, done=True)
    ending = Ending(text="all", finish_reason="length", usage=USAGE)
    assert of_body(answer.whole(ending)) == Fields(text="all", finish_reason="length")


def test_the_role_opens_a_chat() -> None:
    """The opening event has no token of its own."""
    assert of_event(CHAT.opening()) == Fields(opening=True)


def test_only_the_first_choice_is_read() -> None:
    """Another choice's event is neither text nor an end."""
    other = b'data: {"choices":[{"index":1,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
    assert of_event(other) == Fields()


def test_an_error_is_not_an_answer() -> None:
    """An in-band error keeps its message, code and field."""
    fields = of_event(b'data: {"error":{"message":"m","type":"t","param":"p","code":503}}\n\n')
    assert fields.error is not None
    assert (fields.error.message, fields.error.code, fields.error.param) == ("m", 503, "p")


def test_what_is_unknown_is_passed_over() -> None:
    """Tool calls, reasoning and fields of later versions are no text and no problem."""
    event = b'data: {"x":[1],"choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]},"y":{}}]}\n\n'
    assert of_event(event) == Fields()
