"""A hundred thousand tokens through ``longform`` on a demo model that reads eight thousand at once."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from tests.e2e.long_text import ANSWER, BUDGET, PART, POOL, report
from tests.serving import Serving, counted

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TOKENS, FACTS, CONTEXT = 100_000, 40, 8192
ANSWERED_WITHIN_S = 600.0
HIDDEN = "tercet_graph_hidden_tokens_total"
QUESTION = "Which codes open which safes?"


def test_a_text_far_beyond_the_context_is_answered(trio: Serving) -> None:
    """The answer comes in one stream with its progress, from parts that tile the source, within the budget."""
    text, _ = report(TOKENS, FACTS)
    real = httpx.post(f"{trio.url}/tokenize", json={"model": POOL, "prompt": text}, timeout=60).json()["count"]
    assert real >= TOKENS > 10 * CONTEXT
    hidden = counted(trio, HIDDEN, node="long")
    steps, told, answer, usage = _asked(trio, text)
    parts = sorted(step["span"] for step in steps if step["level"] == 1 and "span" in step)
    assert len(parts) == told["parts"] > TOKENS // PART - 10
    assert _tile(parts, text.encode())
    assert _tile(told["spans"], text.encode())
    assert told["left_out"] == []
    assert 0 < told["spent"] == counted(trio, HIDDEN, node="long") - hidden <= BUDGET - ANSWER
    assert 0 < usage["completion_tokens"] <= ANSWER
    assert answer


def _asked(trio: Serving, text: str) -> tuple[list[dict[str, Any]], dict[str, Any], str, dict[str, Any]]:
    """Return the progress, what is told of the sources, the answer and its usage."""
    messages = [{"role": "user", "content": text}, {"role": "user", "content": QUESTION}]
    options = {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0}
    steps: list[dict[str, Any]] = []
    pieces: list[str] = []
    usage: dict[str, Any] = {}
    body = {"model": "long", "messages": messages, **options}
    with httpx.stream("POST", f"{trio.url}/v1/chat/completions", json=body, timeout=ANSWERED_WITHIN_S) as answer:
        assert answer.status_code == 200
        assert re.match(r"parts=\d+ levels=\d+ ", answer.headers["x-tercet-longform"])
        for line in answer.iter_lines():
            if line.startswith(": tercet "):
                steps.append(json.loads(line.removeprefix(": tercet "))["longform"])
            elif line.startswith("data: {"):
                event = json.loads(line.removeprefix("data: "))
                assert "error" not in event, event
                pieces += [choice["delta"].get("content") or "" for choice in event["choices"]]
                usage = event.get("usage") or usage
    return steps[:-1], steps[-1], "".join(pieces), usage


def _tile(spans: list[list[int]], source: bytes) -> bool:
    return b"".join(source[start:end] for start, end in spans) == source
