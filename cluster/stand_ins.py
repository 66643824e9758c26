"""Who stands in for whom: what models say of themselves, and what brown-out nodes say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cluster.config import ModelSpec
from deployments.adapters import split_name
from deployments.graph.kind import KindSpec
from deployments.nodes.brown_out.spec import BrownOutSpec

_KIND = "brown-out"


def stand_ins(pool: str, models: Mapping[str, ModelSpec], graph: Mapping[str, KindSpec]) -> tuple[str, ...]:
    """Return the pools that may take the requests of *pool*: in the order of its nodes, then of the models."""
    nodes = (
        spec for spec in graph.values() if isinstance(spec, BrownOutSpec) and split_name(spec.brown_out)[0] == pool
    )
    named = [split_name(name)[0] for spec in nodes for name in spec.to]
    declared = [name for name, model in models.items() if pool in model.stands_in_for]
    return tuple(name for name in dict.fromkeys([*named, *declared]) if name in models and name != pool)


def with_stand_ins(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the document with ``to`` written where a brown-out node leaves it to what models say of themselves."""
    graph = raw.get("graph")
    if not isinstance(graph, Mapping) or not any(_open(node) for node in graph.values()):
        return raw
    filled = {name: {**node, "to": list(_declared(node, raw))} if _open(node) else node for name, node in graph.items()}
    return {**raw, "graph": filled}


def _open(node: Any) -> bool:
    return isinstance(node, Mapping) and isinstance(node.get(_KIND), str) and "to" not in node


def _declared(node: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[str]:
    models, pool = raw.get("models"), split_name(node[_KIND])[0]
    for name, model in models.items() if isinstance(models, Mapping) else ():
        said = model.get("stands_in_for") if isinstance(model, Mapping) else None
        if isinstance(name, str) and name != pool and pool in ([said] if isinstance(said, str) else said or ()):
            yield name
