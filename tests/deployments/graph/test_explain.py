"""The path a request would take, told without an engine."""

from __future__ import annotations

import pytest

from deployments.errors import UnknownModel
from deployments.graph.explain import Explanation, explain, render
from deployments.graph.spec import parse_graph
from tests.deployments.leap import leap
from tests.deployments.scripted import Scripted, chat, collect, compiled, context

MODELS = ("dense", "moe", "distilled")
AUTO = {
    "auto": {"switch": [{"when": {"complexity": {"below": 0.35}}, "to": "quick"}, {"to": "careful"}]},
    "quick": {"fallback": ["distilled", "dense"]},
    "careful": {"fallback": ["dense", "moe"], "timeout": {"first_token": 5}},
}


def explained(prompt: str, model: str = "") -> Explanation:
    return explain(parse_graph(AUTO), "auto", MODELS, chat(prompt, model=model), context())


@pytest.mark.parametrize("prompt", ["hi there", "你好", "Write a Python function that merges two sorted lists"])
def test_says_the_path_that_the_request_then_takes(prompt: str) -> None:
    """The explanation and the running graph never disagree while every first choice answers."""
    frames = leap(collect(compiled(AUTO, Scripted({name: [b"x"] for name in MODELS}))["auto"], chat(prompt)))
    assert frames[0].head is not None
    assert explained(prompt).path == frames[0].head.path


def test_says_why() -> None:
    """Every case tried shows its value, a fallback shows its order, and the features show what they are made of."""
    text = render(explained("Write a Python function that merges two sorted lists"))
    assert text.startswith("path: auto > careful > dense\n")
    assert "case 0: complexity fails (0." in text
    assert "tries in order dense, moe" in text
    assert "no token within 5 s" in text
    assert "a programming language or tool (+1.2 code)" in text
    assert "task code +0.42" in text


def test_a_name_asked_for_is_the_start() -> None:
    """A client may ask for any node or model; a name that nothing has is refused with the nearest."""
    assert explained("hi", "careful").path == ("careful", "dense")
    assert explained("hi", "moe").path == ("moe",)
    with pytest.raises(UnknownModel, match="did you mean moe"):
        explained("hi", "mo")


def test_branches_that_meet_again_are_explained_once() -> None:
    """Forty layers of two nodes each would be a million million steps, told one by one."""
    deep = {f"{side}{i}": {"fallback": [f"a{i + 1}", f"b{i + 1}"]} for i in range(40) for side in "ab"}
    last = {"a40": {"fallback": ["dense"]}, "b40": {"fallback": ["moe"]}}
    told = render(explain(parse_graph({**deep, **last}), "a0", MODELS, chat("hi"), context()))
    assert told.count("\n") < 500
    assert "see above" in told
