"""Hedges whose second call can only wait behind the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.config import ModelSpec
from cluster.problems import path_of
from deployments.graph.kind import KindSpec
from deployments.nodes.hedge.kind import HedgeSpec


def futile(graph: Mapping[str, KindSpec], pools: Mapping[str, ModelSpec]) -> Iterator[str]:
    """Say of each hedge that asks one pool twice whether that pool can ever have a second replica."""
    for name, node in graph.items():
        for target in _repeated(node) if isinstance(node, HedgeSpec) else ():
            if target in pools and pools[target].replicas.max == 1:
                path = path_of(("graph", name, "hedge"))
                yield f"{path} asks {target} twice, which has one replica at most: the second call cannot be faster"


def _repeated(node: HedgeSpec) -> Iterator[str]:
    return (target for target in dict.fromkeys(node.hedge) if node.hedge.count(target) > 1)
