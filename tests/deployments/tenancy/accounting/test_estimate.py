"""What a request may come to."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.graph.limits import limit_of
from deployments.request import Endpoint, Request
from deployments.tenancy.accounting.estimate import USUAL_TOKENS, WHOLE_TOKENS, Estimate, bounded, estimate

TEXT = "x" * 400
ASKED = [{"role": "user", "content": TEXT}]


def of(endpoint: Endpoint, **body: Any) -> Estimate:
    return estimate(Request(endpoint=endpoint, model="", body=body))


@pytest.mark.parametrize(
    ("endpoint", "body", "prompt", "completion"),
    [
        ("chat", {"messages": ASKED, "max_tokens": 7}, 100, 7),
        ("chat", {"messages": ASKED, "max_completion_tokens": 7, "n": 3}, 100, 21),
        ("chat", {"messages": ASKED}, 100, USUAL_TOKENS),
        ("completion", {"prompt": TEXT}, 100, 16),
        ("completion", {"prompt": [TEXT, TEXT], "max_tokens": 5, "best_of": 2, "n": 1}, 201, 20),
        ("completion", {"prompt": [1, 2, 3], "max_tokens": 5}, 3, 5),
        ("responses", {"input": TEXT, "max_output_tokens": 9}, 100, 9),
        ("messages", {"messages": ASKED, "max_tokens": 9, "system": TEXT}, 201, 9),
        ("embeddings", {"input": TEXT}, 100, 0),
        ("rerank", {"query": TEXT, "documents": [TEXT]}, 201, 0),
    ],
)
def test_prompt_and_completion(endpoint: Endpoint, body: dict[str, Any], prompt: int, completion: int) -> None:
    """By endpoint; every choice of every prompt is written."""
    found = of(endpoint, **body)
    assert (found.prompt, found.completion) == (prompt, completion)
    assert found.prompt_most > prompt
    assert found.most == found.prompt_most + completion


@pytest.mark.parametrize("endpoint", ["response", "response_cancel", "tokenize", "detokenize", "count_tokens"])
def test_what_no_model_works_on_is_nothing(endpoint: Endpoint) -> None:
    """It counts as a call, and no more."""
    assert of(endpoint, messages=ASKED, prompt=TEXT, tokens=[1]).most == 0


def test_tools_are_part_of_the_prompt() -> None:
    """They are rendered into it."""
    tools = [{"type": "function", "function": {"name": "f", "description": TEXT}}]
    assert of("chat", messages=ASKED, tools=tools).prompt > 200


def test_half_a_character_is_no_fault_of_ours() -> None:
    """It is refused elsewhere."""
    tools = [{"type": "function", "function": {"name": "\ud800"}}]
    assert of("chat", messages=ASKED, tools=tools).prompt >= 100


LONG = "0123456789" * 3000
CALL = {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": LONG}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": LONG}]}


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {"messages": [CALL]}),
        ("chat", {"messages": ASKED, "documents": [{"text": LONG}]}),
        ("messages", {"messages": [RESULT]}),
        ("responses", {"input": [{"type": "function_call_output", "call_id": "1", "output": LONG}]}),
        ("responses", {"input": "and?", "previous_response_id": "resp_1"}),
        ("embeddings", {"messages": [{"role": "user", "content": LONG}]}),
        ("score", {"text_1": "why", "text_2": [LONG]}),
        ("score", {"queries": LONG[:1000], "items": ["a"] * 30}),
        ("rerank", {"query": LONG[:1000], "documents": ["a"] * 30}),
        ("completion", {"prompt": [[7] * 15_000, [8] * 15_000]}),
        ("chat", {"messages": [{"role": "user", "content": "\u0449" * 15_000}]}),
    ],
)
def test_what_a_budget_holds_of_a_prompt_is_never_too_little(endpoint: Endpoint, body: dict[str, Any]) -> None:
    """A token is a byte or more, wherever in the body it stands and however often it is read."""
    assert of(endpoint, **body).prompt_most >= 30_000


def test_a_picture_is_not_held_by_its_bytes() -> None:
    """Nor is it nothing."""
    url = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    held = of("chat", messages=[{"role": "user", "content": [url]}], max_tokens=1)
    assert 10_000 < held.prompt_most < 20_000


def test_a_rate_reckons_with_what_is_likely() -> None:
    """What is held for certainty would turn away whoever fits the rate."""
    held = of("chat", messages=ASKED, max_tokens=7)
    assert held.usage.tokens - held.usage.spare < 160 < held.usage.tokens


def test_an_answer_that_nothing_bounds_is_bounded_where_its_course_is_not_told() -> None:
    """What is held beyond the usual is held by budgets alone; a client's own limit stays."""
    free = Request(endpoint="chat", model="", body={"messages": ASKED, "n": 2})
    asked, held = bounded(free)
    assert (limit_of(asked), held.completion) == (WHOLE_TOKENS, 2 * WHOLE_TOKENS)
    usual = estimate(free)
    assert held.usage.tokens - held.usage.spare == usual.usage.tokens - usual.usage.spare
    own = Request(endpoint="chat", model="", body={"messages": ASKED, "max_tokens": 9000})
    assert bounded(own) == (own, estimate(own))
