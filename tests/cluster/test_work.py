"""Pooling models in a document: what they get by default, and which graphs make no sense."""

from __future__ import annotations

from typing import Any

from tests.cluster.builders import complaints, document, model, planned

POOLS: dict[str, Any] = {
    "dense": model(),
    "embed": model(family="pooling", source="demo/embedding"),
    "other": model(family="pooling", source="/models/here"),
}


def test_a_pooling_pool_is_told_to_pool() -> None:
    """And is not given what only makes sense for generation; what its document says wins."""
    engine = planned(document(models={"embed": POOLS["embed"]})).pools[0].engine
    assert engine["runner"] == "pooling"
    assert not {"enable_prefix_caching", "enable_chunked_prefill", "max_num_batched_tokens"} & engine.keys()
    told = model(family="pooling", source="demo/embedding", engine={"runner": "auto"})
    assert planned(document(models={"embed": told})).pools[0].engine["runner"] == "auto"


def test_a_node_of_pooling_models_is_fine() -> None:
    """Whatever it leads to does the same work, through other nodes too."""
    graph = {"vectors": {"fallback": ["embed", "again"]}, "again": {"fallback": ["other"]}}
    planned(document(models=POOLS, graph=graph, default="dense"))


def test_a_node_that_mixes_the_two_is_told_once() -> None:
    """Where they meet, not in every node above."""
    graph = {
        "top": {"fallback": ["mixed"]},
        "mixed": {"fallback": ["inner", "dense"]},
        "inner": {"fallback": ["embed"]},
    }
    assert complaints(document(models=POOLS, graph=graph, default="dense")) == [
        "graph.mixed: leads to models that answer different endpoints: inner pools, dense generates; "
        "give each kind a node of its own"
    ]


def test_a_cycle_is_told_as_a_cycle_only() -> None:
    """The check of the work neither hangs on it nor adds to it."""
    graph = {"a": {"fallback": ["b", "dense"]}, "b": {"fallback": ["a"]}}
    assert [line.split(":")[1] for line in complaints(document(models=POOLS, graph=graph, default="dense"))] == [
        " leads back to itself"
    ]


def test_a_classifier_answers_nobody() -> None:
    """A switch between generating models may ask a pooling one what a prompt is about, and only such a one."""
    examples = {"code": ["write a function"], "chat": ["hello"]}

    def switched(by: str) -> dict[str, Any]:
        switch = [{"when": {"score": {"code": {"at_least": 0.5}}}, "to": "dense"}, {"to": "dense"}]
        graph = {"auto": {"switch": switch, "classifier": {"model": by, "examples": examples}}}
        return document(models=POOLS, graph=graph)

    planned(switched("embed"))
    assert complaints(switched("dense")) == [
        "graph.auto.classifier.model: auto needs vectors from dense; dense gives none"
    ]


def test_a_semantic_cache_needs_vectors_to_compare_and_words_to_keep() -> None:
    """The model of vectors answers nobody; a wrong one is told at its place, an unknown one too."""

    def cached(by: str, target: str = "dense") -> dict[str, Any]:
        graph = {"known": {"cache": target, "semantic": {"model": by, "at_least": 0.95}}}
        return document(models=POOLS, graph=graph, default="dense")

    planned(cached("embed"))
    assert complaints(cached("dense")) == [
        "graph.known.semantic.model: known needs vectors from dense; dense gives none"
    ]
    assert complaints(cached("embed", "embed")) == [
        "graph.known.semantic: known needs text from embed; embed gives none"
    ]
    (unknown,) = complaints(cached("embd"))
    assert unknown.startswith("graph.known.semantic.model: ")
    assert "did you mean embed?" in unknown
