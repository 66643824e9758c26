"""A hundred thousand tokens through ``longform`` on a demo model that reads eight thousand at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.long_text import report
from tests.e2e.trio import READY_WITHIN_S, laptop
from tests.serving import Serving, counted, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TOKENS, FACTS = 100_000, 40
POOL, CONTEXT, BUDGET, ANSWER, PART = "distilled", 8192, 6000, 120, 2000
ANSWERED_WITHIN_S = 600.0
HIDDEN = "tercet_graph_hidden_tokens_total"
QUESTION = "Which codes open which safes?"


def document() -> dict[str, Any]:
    """Return the configuration: one pool, and a node that reads what the pool cannot."""
    options = {"summary_ratio": 0.02, "budget": BUDGET, "answer": ANSWER, "part": PART, "parallel": 4}
    return {
        "models": {POOL: laptop()["models"][POOL]},
        "graph": {"long": {"longform": POOL, **options}},
        "default": "long",
    }


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(document(), tmp_path_factory.mktemp("longform"), ready_within_s=READY_WITHIN_S) as one:
        yield one


def test_a_text_far_beyond_the_context_is_answered(reader: Serving) -> None:
    """The answer comes in one stream with its progress, from parts that tile the source, within the budget."""
    text, _ = report(TOKENS, FACTS)
    real = httpx.post(f"{reader.url}/tokenize", json={"model": POOL, "prompt": text}, timeout=60).json()["count"]
    assert real >= TOKENS > 10 * CONTEXT
    hidden = counted(reader, HIDDEN, node="long")
    steps, told, answer, usage = _asked(reader, text)
    parts = sorted(step["span"] for step in steps if step["level"] == 1 and "span" in step)
    assert len(parts) == told["parts"] > TOKENS // PART - 10
    assert _tile(parts, text.encode())
    assert _tile(told["spans"], text.encode())
    assert told["left_out"] == []
    assert 0 < told["spent"] == counted(reader, HIDDEN, node="long") - hidden <= BUDGET - ANSWER
    assert 0 < usage["completion_tokens"] <= ANSWER
    assert answer


def _asked(reader: Serving, text: str) -> tuple[list[dict[str, Any]], dict[str, Any], str, dict[str, Any]]:
    """Return the progress, what is told of the sources, the answer and its usage."""
    messages = [{"role": "user", "content": text}, {"role": "user", "content": QUESTION}]
    options = {"stream": True, "stream_options": {"include_usage": True}, "temperature": 0}
    steps: list[dict[str, Any]] = []
    pieces: list[str] = []
    usage: dict[str, Any] = {}
    body = {"messages": messages, **options}
    with httpx.stream("POST", f"{reader.url}/v1/chat/completions", json=body, timeout=ANSWERED_WITHIN_S) as answer:
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
