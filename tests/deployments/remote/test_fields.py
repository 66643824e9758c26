"""What is read out of foreign answers, and what is taken out of them again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployments.remote.fields import of_payload, of_whole
from deployments.remote.unasked import strip
from deployments.request import Request
from tests.deployments.remote.far import SSE, answered, chunk, far, remote, says
from tests.deployments.scripted import chat

TOP = [{"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -2.1}]
LOGPROBS = {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": TOP}] * 2}
OF_COMPLETION = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"a": -0.5, "b": -1.5, "c": -3.0}]}


def choice(**fields: Any) -> bytes:
    return json.dumps({"choices": [{"index": 0, **fields}]}).encode()


@pytest.mark.parametrize(
    ("data", "tokens"),
    [
        (choice(delta={"content": "a"}), 1),
        (choice(delta={"role": "assistant", "content": ""}), 0),
        (choice(delta={"content": None, "reasoning_content": "hm"}), 1),
        (choice(delta={"tool_calls": [{"index": 0}]}), 1),
        (choice(delta={}, finish_reason="stop"), 0),
        (choice(text="a"), 1),
        (choice(delta={"content": "aa"}, logprobs=LOGPROBS), 2),
        (json.dumps({"choices": [{"index": i, "delta": {"content": "x"}} for i in range(3)]}).encode(), 3),
        (b"[DONE]", 0),
    ],
)
def test_tokens_of_an_event(data: bytes, tokens: int) -> None:
    """Words, thoughts and calls count one a choice, log-probabilities one each."""
    assert of_payload(data).tokens == tokens


def test_log_probabilities_and_margins() -> None:
    """Sums over the event's tokens, in both forms."""
    of_chat = of_payload(choice(delta={"content": "aa"}, logprobs=LOGPROBS))
    assert (of_chat.logprob, of_chat.margin) == (pytest.approx(-0.2), pytest.approx(4.0))
    of_completion = of_payload(choice(text="a", logprobs=OF_COMPLETION))
    assert (of_completion.logprob, of_completion.margin) == (-0.5, 1.0)


def test_usage_under_either_name() -> None:
    """OpenAI's and Anthropic's."""
    said = of_payload(b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}')
    assert (said.prompt, said.completion, said.bare) == (3, 5, True)
    message = b'{"content": [{"type": "text", "text": "a"}], "usage": {"input_tokens": 3, "output_tokens": 5}}'
    assert (of_whole("messages", message).prompt, of_whole("messages", message).completion) == (3, 5)


async def test_a_judged_answer_looks_to_the_client_as_any_other() -> None:
    """The frames tell log-probabilities, the bytes do not: the client has not asked for them."""
    events = chunk("a", logprobs=LOGPROBS) + chunk("", delta={}, finish_reason="stop") + b"data: [DONE]\n\n"
    async with far(says(SSE + events)) as there:
        model = remote(there.url)
        judged = Request(endpoint="chat", model="", body=chat().body, stream=True, judged=True)
        frames = await answered(model, judged)
        await model.close()
    assert (there.asked[0].body["logprobs"], there.asked[0].body["top_logprobs"]) == (True, 2)
    assert sum(frame.logprob for frame in frames) == pytest.approx(-0.2)
    assert sum(frame.margin for frame in frames) == pytest.approx(4.0)
    data = b"".join(frame.data for frame in frames)
    assert b"top_logprobs" not in data
    assert b'"logprobs":null' in data


@pytest.mark.parametrize(
    ("endpoint", "asked", "told", "shown"),
    [
        ("chat", {}, LOGPROBS, None),
        ("chat", {"logprobs": True}, LOGPROBS, 0),
        ("chat", {"logprobs": True, "top_logprobs": 1}, LOGPROBS, 1),
        ("completion", {}, OF_COMPLETION, None),
        ("completion", {"logprobs": 1}, OF_COMPLETION, 1),
    ],
)
def test_a_client_gets_as_many_as_it_asked_for(endpoint: Any, asked: dict[str, Any], told: Any, shown: Any) -> None:
    """No more of the likeliest than that, and none where it asked for none."""
    data = strip(choice(logprobs=told), Request(endpoint=endpoint, model="", body=asked))
    left = json.loads(data)["choices"][0]["logprobs"]
    if shown is None:
        assert left is None
    else:
        tops = left["content"][0]["top_logprobs"] if endpoint == "chat" else left["top_logprobs"][0]
        assert len(tops) == shown
