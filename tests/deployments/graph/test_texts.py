"""Where the words of a prompt stand."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from deployments.graph.texts import texts, with_text
from deployments.request import Endpoint, Request

U = {"role": "user", "content": "u"}
PART = {"type": "text", "text": "s"}
BODIES: list[tuple[Endpoint, dict[str, Any], list[tuple[str, str]]]] = [
    (
        "chat",
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [PART, "v"]}]},
        [("system", "s"), ("user", "s"), ("user", "v")],
    ),
    ("chat", {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]}, []),
    ("messages", {"system": [PART], "messages": [U]}, [("system", "s"), ("user", "u")]),
    ("completion", {"prompt": "p"}, [("user", "p")]),
    ("completion", {"prompt": ["p", "q"]}, [("user", "p"), ("user", "q")]),
    ("completion", {"prompt": [1, 2]}, []),
    ("responses", {"instructions": "s", "input": "u"}, [("system", "s"), ("user", "u")]),
    ("responses", {"input": [{"role": "user", "content": [PART]}]}, [("user", "s")]),
    ("embeddings", {"input": "u"}, []),
    ("chat", {"messages": "nonsense"}, []),
]


@pytest.mark.parametrize(("endpoint", "body", "expected"), BODIES)
def test_finds_every_text_and_puts_another_in_its_place(
    endpoint: Endpoint, body: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    """Texts come in reading order with whose they are; a changed body differs there alone, the old one not at all."""
    before = deepcopy(body)
    found = texts(Request(endpoint=endpoint, model="", body=body))
    assert [(said.role, said.text) for said in found] == expected
    for at, said in enumerate(found):
        changed = with_text(body, said.place, "new")
        again = [one.text for one in texts(Request(endpoint=endpoint, model="", body=changed))]
        assert again == [*(text for _, text in expected[:at]), "new", *(text for _, text in expected[at + 1 :])]
    assert body == before
