"""Classes of requests that one node names and another has to know."""

from __future__ import annotations

from typing import Any

from tests.cluster.builders import complaints, document, model, planned

MODELS = {
    "dense": model(runtime="synthetic"),
    "distilled": model(family="distilled", source="demo/distilled", runtime="synthetic"),
}
FRONT = {"admission": "n", "classes": {"batch": {"when": {"tenant": "nightly"}}, "rest": {}}}


def graph(front: dict[str, Any] = FRONT, **node: Any) -> dict[str, Any]:
    return {"front": front, "n": {"brown-out": "dense", "to": "distilled", **node}}


def test_a_class_that_an_admission_knows_may_be_kept_and_capped() -> None:
    """In either section."""
    node = graph(keep_classes="rest", cap={"max_tokens": 256, "classes": ["batch"]})
    plan = planned(document(models=MODELS, graph=node, default="front"))
    assert plan.gateway.settings["graph"]["n"]["cap"] == {"max_tokens": 256, "classes": ["batch"]}


def test_a_class_that_nobody_knows_is_told_at_its_place() -> None:
    """With those that there are; nothing would ever be kept or capped."""
    node = graph(keep_classes="resr", cap={"max_tokens": 256, "classes": ["batch", "bulk"]})
    assert complaints(document(models=MODELS, graph=node, default="front")) == [
        'graph.n.cap.classes[1]: "bulk" is a class of no admission in the graph; known: batch, rest',
        'graph.n.keep_classes[0]: "resr" is a class of no admission in the graph; did you mean rest? '
        "known: batch, rest",
    ]


def test_an_admission_that_cannot_be_read_is_not_missed() -> None:
    """Its own mistake is the only one."""
    node = graph({**FRONT, "concurrent": 0}, keep_classes="rest")
    [only] = complaints(document(models=MODELS, graph=node, default="front"))
    assert only.startswith("graph.front.concurrent")
