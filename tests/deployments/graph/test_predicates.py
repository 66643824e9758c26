"""The conditions of a switch's case, each on both sides of its edge."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from deployments.graph.predicates import PREDICATES, holds, verdicts
from deployments.graph.subject import Subject
from deployments.graph.when import When
from deployments.request import Context, Request
from tests.deployments.scripted import chat, context

IMAGE = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]}
TOOLS = [{"type": "function", "function": {"name": "f"}}]
CODE = "Write a Python function that merges two sorted lists"


def held(when: dict[str, Any], request: Request, ctx: Context | None = None) -> bool:
    return holds(When.model_validate(when), Subject(request, ctx or context()))


@pytest.mark.parametrize(
    ("when", "request_", "expected"),
    [
        ({"task": "code"}, chat(CODE), True),
        ({"task": ["math", "code"]}, chat(CODE), True),
        ({"task": ["math", "chat"]}, chat(CODE), False),
        ({"complexity": {"below": 0.2}}, chat("hi there"), True),
        ({"complexity": {"below": 0.2}}, chat(CODE), False),
        ({"complexity": {"at_least": 0.2}}, chat(CODE), True),
        ({"prompt_tokens": {"at_least": 2, "below": 3}}, chat("12345678"), True),
        ({"prompt_tokens": {"below": 2}}, chat("12345678"), False),
        ({"prompt_tokens": {"at_least": 3}}, chat("12345678"), False),
        ({"language": "zh"}, chat("你好，请问今天天气怎么样"), True),
        ({"language": ["en", "fr"]}, chat("你好，请问今天天气怎么样"), False),
        ({"has": "tools"}, chat("hi", tools=TOOLS), True),
        ({"has": "tools"}, chat("hi"), False),
        ({"has": ["images"]}, Request(endpoint="chat", model="", body=IMAGE), True),
        ({"has": ["images", "tools"]}, Request(endpoint="chat", model="", body=IMAGE), False),
    ],
)
def test_conditions_on_the_prompt(when: dict[str, Any], request_: Request, expected: bool) -> None:
    """A list means any of its entries, but for ``has``, where all must be there; ranges are half open."""
    assert held(when, request_) is expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"tenant": ["acme", "umbrella"]}, True),
        ({"tenant": "other"}, False),
        ({"header": {"X-Tier": ["silver", "gold"]}}, True),
        ({"header": {"X-Tier": "gold", "X-Beta": "1"}}, False),
        ({"header": {"x-tier": "GOLD"}}, False),
    ],
)
def test_conditions_on_the_caller(when: dict[str, Any], expected: bool) -> None:
    """Header names ignore case and all of them must match; values are compared as they are."""
    assert held(when, chat(), context(tenant="acme", headers={"x-tier": "gold"})) is expected


@pytest.mark.parametrize(
    ("body", "headers", "tier"),
    [
        ({}, {}, "standard"),
        ({"service_tier": "auto"}, {}, "standard"),
        ({"service_tier": ["flex"]}, {}, "standard"),
        ({"service_tier": "flex"}, {}, "economy"),
        ({"service_tier": "priority"}, {}, "premium"),
        ({"service_tier": "priority"}, {"x-tercet-tier": "economy"}, "economy"),
        ({}, {"x-tercet-tier": "premium"}, "premium"),
    ],
)
def test_the_tier_is_the_headers_or_what_the_body_calls_it(
    body: dict[str, Any], headers: dict[str, str], tier: str
) -> None:
    """The usual one where neither says; a case may name one or several."""
    asked = chat(**body), context(headers=headers)
    assert held({"tier": tier}, *asked)
    assert held({"tier": ["economy", "standard", "premium"]}, *asked)
    assert not held({"tier": "economy" if tier == "premium" else "premium"}, *asked)


@pytest.mark.parametrize(
    ("utc", "expected"),
    [("13:59", False), ("14:00", True), ("16:00", True), ("21:59", True), ("22:00", False), ("03:00", False)],
)
def test_hours_may_span_midnight_in_their_own_time_zone(utc: str, expected: bool) -> None:
    """22:00 to 06:00 in Shanghai is 14:00 to 22:00 UTC; the first minute counts, the last does not."""
    hour, minute = map(int, utc.split(":"))
    now = datetime(2026, 3, 2, hour, minute, tzinfo=UTC)
    when = {"time_of_day": {"from": "22:00", "to": "06:00", "timezone": "Asia/Shanghai"}}
    assert held(when, chat(), context(now=now)) is expected


@pytest.mark.parametrize(("hour", "expected"), [(8, False), (9, True), (16, True), (17, False)])
def test_hours_within_a_day(hour: int, expected: bool) -> None:
    """The zone is UTC unless given."""
    now = datetime(2026, 3, 2, hour, tzinfo=UTC)
    assert held({"time_of_day": {"from": "09:00", "to": "17:00"}}, chat(), context(now=now)) is expected


def test_all_conditions_must_hold_and_each_is_explained() -> None:
    """A case fails on its weakest condition; every condition reports what it saw."""
    when = When.model_validate({"task": "code", "tenant": "acme"})
    subject = Subject(chat(CODE), context())
    assert not holds(when, subject)
    assert [(one.name, one.holds, one.seen) for one in verdicts(when, subject)] == [
        ("task", True, "code"),
        ("tenant", False, "anonymous"),
    ]


def test_cheap_conditions_are_asked_first() -> None:
    """A case that fails on its tenant costs no reading of the prompt."""
    subject = Subject(chat(CODE), context())
    assert not holds(When.model_validate({"task": "code", "complexity": {"below": 1}, "tenant": "acme"}), subject)
    assert "reading" not in vars(subject)
    assert list(PREDICATES)[-3:] == ["task", "score", "complexity"]
