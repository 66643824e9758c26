"""What a request's prompt is made of, whichever surface it came by."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.graph.features import Prompt, read_prompt
from deployments.request import Endpoint, Request

RULES = {"role": "system", "content": "be kind"}
HELLO = {"role": "user", "content": "hello"}
PARTS = {"role": "user", "content": [{"type": "input_text", "text": "hello"}]}
IMAGE = {"type": "image", "source": {"type": "url", "url": "x"}}


def prompt(endpoint: Endpoint, **body: Any) -> Prompt:
    return read_prompt(Request(endpoint=endpoint, model="", body=body))


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {"messages": [RULES, HELLO]}),
        ("messages", {"system": "be kind", "messages": [HELLO]}),
        ("count_tokens", {"system": [{"type": "text", "text": "be kind"}], "messages": [HELLO]}),
        ("responses", {"instructions": "be kind", "input": "hello"}),
        ("responses", {"instructions": "be kind", "input": [PARTS]}),
        ("tokenize", {"messages": [RULES, HELLO]}),
    ],
)  # fmt: skip
def test_a_conversation_is_the_same_on_every_surface(endpoint: Endpoint, body: dict[str, Any]) -> None:
    """The rules are in the text, the last turn is the question."""
    assert prompt(endpoint, **body) == Prompt(text="be kind\nhello", question="hello", turns=1)


@pytest.mark.parametrize(
    ("endpoint", "body", "text", "token_ids"),
    [
        ("completion", {"prompt": ["a", "b"]}, "a\nb", 0),
        ("completion", {"prompt": [[1, 2], [3]]}, "", 3),
        ("embeddings", {"input": "a"}, "a", 0),
        ("score", {"queries": "a", "documents": ["b", "c"]}, "a\nb\nc", 0),
        ("rerank", {"query": "a", "documents": "b"}, "a\nb", 0),
        ("tokenize", {"prompt": "a"}, "a", 0),
        ("detokenize", {"tokens": [1, 2]}, "", 2),
        ("response", {"response_id": "r"}, "", 0),
    ],
)
def test_bare_texts_are_joined(endpoint: Endpoint, body: dict[str, Any], text: str, token_ids: int) -> None:
    """Whatever a model would read counts, and nothing else."""
    assert prompt(endpoint, **body) == Prompt(
        text=text, question=text, token_ids=token_ids, turns=prompt(endpoint, **body).turns
    )


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        ("messages", {"messages": [{"role": "user", "content": [IMAGE]}]}),
        ("responses", {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}),
    ],
)
def test_images_and_tools_are_seen(endpoint: Endpoint, body: dict[str, Any]) -> None:
    """Each surface has its own name for an image."""
    assert prompt(endpoint, **body, tools=[{}]).features == {"images", "tools"}
