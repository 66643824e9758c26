"""Which answers another engine may go on with."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import Invalid
from deployments.request import Endpoint, Request, Resume
from deployments.resumable import check_resume, obstacle, resumable


def asked(endpoint: Endpoint = "chat", *, stream: bool = True, **body: Any) -> Request:
    return Request(endpoint=endpoint, model="dense", body=body, stream=stream, resume=Resume(model="dense", text="x"))


@pytest.mark.parametrize(
    "request_",
    [
        asked(messages=[]),
        asked(n=1, temperature=1.0, seed=3, stop=["."], max_tokens=9, min_tokens=3, logprobs=True),
        asked("completion", prompt="x", n=None, presence_penalty=0, frequency_penalty=0.0),
        asked("completion", prompt=[1, 2, 3]),
        asked(tools=[{}], tool_choice="none"),
        asked(response_format={"type": "text"}),
    ],
)
def test_an_answer_that_follows_from_its_tokens_can_be_gone_on_with(request_: Request) -> None:
    """However it is sampled."""
    assert resumable(request_)
    check_resume(request_)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (asked("responses", input="x"), "endpoint"),
        (asked("messages", messages=[]), "endpoint"),
        (asked(stream=False), "stream"),
        (asked(n=2), "n"),
        (asked("completion", prompt=["a", "b"]), "prompt"),
        (asked("completion", prompt=[[1], [2]]), "prompt"),
        (asked("completion", prompt="x", echo=True), "echo"),
        (asked("completion", prompt="x", prompt_logprobs=1), "prompt_logprobs"),
        (asked("completion", prompt="x", use_beam_search=True), "use_beam_search"),
        (asked(presence_penalty=0.5), "presence_penalty"),
        (asked(frequency_penalty=-0.5), "frequency_penalty"),
        (asked(bad_words=["on the other hand"]), "bad_words"),
        (asked(repetition_detection={"max_pattern_size": 4}), "repetition_detection"),
        (asked(thinking_token_budget=50), "thinking_token_budget"),
        (asked(response_format={"type": "json_object"}), "response_format"),
        (asked(structured_outputs={"regex": "a+"}), "structured_outputs.regex"),
        (asked(tools=[{}]), "tools"),
    ],
)
def test_what_needs_the_start_of_the_answer_is_refused_by_name(request_: Request, field: str) -> None:
    """A grammar, a count over the answer's own tokens, several answers at once."""
    assert obstacle(request_) == field
    with pytest.raises(Invalid) as refusal:
        check_resume(request_)
    assert refusal.value.param == field
    assert field in refusal.value.message


def test_a_request_that_begins_is_never_refused() -> None:
    """Only who goes on has something to be refused."""
    check_resume(Request(endpoint="chat", model="dense", body={"n": 2}))
