"""fallback, hedge and deadline as ``tercet explain`` and the check of a whole config tell of them."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.graph.explain import explain, render
from deployments.graph.spec import dump, parse, parse_graph
from tests.deployments.scripted import chat, context

MODELS = ("dense", "moe", "distilled")


def told(node: dict[str, Any], **more: Any) -> str:
    return render(explain(parse_graph({"n": node}), "n", MODELS, chat(**more), context()))


def test_a_fallback_tells_what_moves_on_and_when() -> None:
    """The errors, the limits, and whether an answer to this very request could be gone on with."""
    limits = {"first_token": "5s", "between_tokens": "2s", "total": "1m"}
    node = {"fallback": ["dense", "moe"], "timeout": limits, "on": ["rejected", "stalled"], "resume": True}
    text = told(node, stream=True)
    assert "moves on after rejected, stalled" in text
    assert "no token within 5 s" in text
    assert "silent for 2 s" in text
    assert "gives up after 60 s in all" in text
    assert "broke off would be gone on with" in text
    assert "broke off could not be gone on with" in told(node)


@pytest.mark.parametrize(
    ("options", "when"),
    [
        ({}, "once dense takes longer than its p95 to a first token as lately seen, for at most 5% of requests"),
        ({"after": "800ms", "at_most": "10%"}, "when dense has no token after 0.8 s, for at most 10% of requests"),
        ({"after": 0}, "at once, for at most 100% of requests"),
    ],
)
def test_a_hedge_tells_when_the_second_joins(options: dict[str, Any], when: str) -> None:
    """With what is assumed where nothing is written."""
    text = told({"hedge": ["dense", "moe"], **options})
    assert text.startswith("path: n > dense\n")
    assert f"starts dense; moe joins {when}" in text


def test_a_deadline_tells_its_limits() -> None:
    """Both, where both are set."""
    assert "at most 1 s to a first token, 3 s in total" in told({"deadline": "moe", "total": "3s", "first_token": "1s"})


@pytest.mark.parametrize(
    "written",
    [
        {"fallback": ["dense"], "breaker": False, "on": ["stalled"], "retry_budget": {"share": "7%"}, "resume": True},
        {"hedge": ["dense", "dense"], "after": "p90", "at_most": "3%"},
        {"hedge": ["dense", "moe"], "after": 0},
        {"deadline": "dense", "first_token": "1s"},
    ],
)
def test_sections_travel_unchanged(written: dict[str, Any]) -> None:
    """What the controller sends to gateways is read there as it was written."""
    assert parse(dump(parse(written))) == parse(written)
