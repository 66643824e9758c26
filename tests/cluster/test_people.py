"""Texts with names in them stay in the cluster, says the check of a document."""

from __future__ import annotations

from typing import Any

from cluster.drawing.diagram import Arrow, diagram
from tests.cluster.builders import complaints, document, model, planned
from tests.cluster.drawing.test_layout import config_of

CLOUD = {"family": "remote", "url": "https://api.example.com/v1", "model": "m"}
DENSE = model(runtime="synthetic")


def asking(asked: str, **models: Any) -> dict[str, Any]:
    graph = {"auto": {"redact": "dense", "names": {"model": asked}}, "other": {"split": {"dense": 1}}}
    gateway = {"remote_hosts": ["api.example.com"]}
    return document(models={"dense": DENSE, "cloud": CLOUD, **models}, graph=graph, gateway=gateway)


def test_only_a_pool_is_asked_for_names() -> None:
    """Another server's model is not, and no node that may lead to one."""
    here = "graph.auto.names.model:"
    rest = "name a pool of this cluster: texts with names in them stay here"
    assert complaints(asking("cloud")) == [f'{here} "cloud" is another server\'s; {rest}']
    assert complaints(asking("other")) == [f'{here} "other" is a graph node, which may lead anywhere; {rest}']
    [unknown] = complaints(asking("dens"))
    assert unknown.startswith(f'{here} "dens" is neither a model nor a graph node; did you mean dense?')
    plan = planned(asking("dense"))
    assert plan.gateway.settings["graph"]["auto"]["names"]["model"] == "dense"


def test_it_has_to_answer_in_words() -> None:
    """A pool of vectors tells no names."""
    embed = model(family="pooling", source="demo/embedding")
    found = complaints(asking("embed", embed=embed))
    assert "graph.auto.names.model: auto needs an answer on chat from embed; embed gives none" in found


def test_a_remote_models_own_redaction_asks_nobody() -> None:
    """And says where names can be looked for."""
    [line] = complaints(asking("dense", cloud={**CLOUD, "redact": {"names": {"model": "dense"}}}))
    assert line.startswith("models.cloud.redact.names: are not looked for here; lead to this model by a node such as")


def test_who_is_asked_is_drawn_as_a_helper() -> None:
    """With what it is asked for."""
    moe = model(family="moe", source="demo/moe", runtime="synthetic")
    arrows = diagram(config_of(asking("moe", moe=moe))).arrows
    assert Arrow(start="auto", end="moe", label="names", answering=False) in arrows
