"""Sampling through the gateway: probabilities, several choices, stops, seeds, penalties, and usage that adds up."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from tests.e2e.trio import client
from tests.serving import Serving, counted, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

ASKED: dict[str, Any] = {
    "model": "dense",
    "messages": [{"role": "user", "content": "Tell me a short story about a fox."}],
    "max_tokens": 24,
    "temperature": 0,
}


def completed(surface: Serving) -> float:
    return counted(surface, "tercet_tokens_total", model="dense", kind="completion")


def said(surface: Serving, **more: Any) -> Any:
    """Return the first choice of an answer."""
    return client(surface.url).chat.completions.create(**{**ASKED, **more}).choices[0]


def test_probabilities_streamed_and_whole(surface: Serving) -> None:
    """One entry a token, the likeliest first in a greedy answer, the same text and figures either way."""
    whole = said(surface, logprobs=True, top_logprobs=3).logprobs.content
    stream = client(surface.url).chat.completions.create(**ASKED, logprobs=True, top_logprobs=3, stream=True)
    streamed = [
        token
        for chunk in stream
        for choice in chunk.choices
        if choice.logprobs
        for token in choice.logprobs.content or []
    ]
    assert len(whole) == ASKED["max_tokens"]
    assert [token.token for token in streamed] == [token.token for token in whole]
    assert [token.logprob for token in streamed] == pytest.approx([token.logprob for token in whole], abs=0.05)
    for token in whole:
        assert len(token.top_logprobs) >= 3
        assert token.logprob == max(other.logprob for other in token.top_logprobs)


def test_several_choices_are_counted_together(surface: Serving) -> None:
    """Three indices, streamed and whole, and a usage over all of them."""
    api = client(surface.url)
    asked = {**ASKED, "n": 3, "temperature": 1.2, "seed": 5}
    whole = api.chat.completions.create(**asked)
    assert [choice.index for choice in whole.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in whole.choices}) > 1
    before = completed(surface)
    texts: dict[int, str] = defaultdict(str)
    usage = None
    for chunk in api.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert sorted(texts) == [0, 1, 2]
    assert all(texts.values())
    assert usage is not None
    assert whole.usage is not None
    assert ASKED["max_tokens"] < usage.completion_tokens <= 3 * ASKED["max_tokens"]
    until(lambda: completed(surface) - before == usage.completion_tokens, within_s=5, what="every token counted")


def test_a_stop_may_span_tokens(surface: Serving) -> None:
    """It ends the text before itself, and no part of it is ever streamed."""
    tokens = [token.token for token in said(surface, logprobs=True).logprobs.content]
    full = "".join(tokens)
    at = next(at for at in range(4, len(tokens) - 1) if len(tokens[at]) > 2 and len(tokens[at + 1]) > 2)
    stop = tokens[at][-2:] + tokens[at + 1][:2]
    kept = full[: full.index(stop)]
    whole = said(surface, stop=[stop])
    assert (whole.message.content, whole.finish_reason) == (kept, "stop")
    chunks = list(client(surface.url).chat.completions.create(**ASKED, stop=stop, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == kept
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_seed_repeats_and_seeds_differ(surface: Serving) -> None:
    """The same seed gives the same words."""
    texts = [said(surface, temperature=1.2, seed=seed).message.content for seed in (7, 7, 8, 9)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


@pytest.mark.parametrize(
    "penalty",
    [
        {"frequency_penalty": 2.0},
        {"presence_penalty": 2.0},
        {"extra_body": {"repetition_penalty": 1.8}},
        {"logit_bias": {"28": -100}},
    ],
)
def test_penalties_change_what_is_said(surface: Serving, penalty: dict[str, Any]) -> None:
    """A text that would repeat itself does not."""
    messages = [{"role": "user", "content": "Repeat after me, again and again: la, la, la, la, la, la"}]
    plain, changed = (said(surface, messages=messages, max_tokens=40, **more) for more in ({}, penalty))
    assert plain.message.content != changed.message.content


def test_usage_at_the_end_or_all_along(surface: Serving) -> None:
    """Continuous usage grows with every event; without being asked for, none is sent."""
    api = client(surface.url)
    none = list(api.chat.completions.create(**ASKED, stream=True))
    assert all(chunk.usage is None for chunk in none)
    options: Any = {"include_usage": True, "continuous_usage_stats": True}
    chunks = list(api.chat.completions.create(**ASKED, stream=True, stream_options=options))
    counts = [chunk.usage.completion_tokens for chunk in chunks if chunk.usage]
    assert len(counts) == len(chunks)
    assert counts == sorted(counts)
    assert counts[-1] == ASKED["max_tokens"]
    assert not chunks[-1].choices


def test_the_reason_of_the_end_is_told(surface: Serving) -> None:
    """`length` at the limit, by either of its names, and `stop` at the end of the answer."""
    assert said(surface).finish_reason == "length"
    newer = {key: value for key, value in ASKED.items() if key != "max_tokens"}
    answer = client(surface.url).chat.completions.create(**newer, max_completion_tokens=3)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3
    short = [{"role": "user", "content": "What is the capital of France? Answer in one word."}]
    assert said(surface, messages=short, max_tokens=200).finish_reason == "stop"


def test_completions_echo_and_tell_probabilities(surface: Serving) -> None:
    """The older endpoint: the prompt in front, its tokens' probabilities with it, several prompts at once."""
    api = client(surface.url)
    prompt = "The capital of France is"
    echoed = api.completions.create(model="dense", prompt=prompt, max_tokens=3, temperature=0, echo=True, logprobs=2)
    choice = echoed.choices[0]
    assert choice.text.startswith(prompt)
    assert choice.logprobs is not None
    assert "".join(choice.logprobs.tokens or []) == choice.text
    two = api.completions.create(model="dense", prompt=[prompt, "One, two,"], max_tokens=3, temperature=0)
    assert [choice.index for choice in two.choices] == [0, 1]
    assert choice.text == prompt + two.choices[0].text
    stream = api.completions.create(model="dense", prompt=prompt, max_tokens=3, temperature=0, stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == two.choices[0].text
