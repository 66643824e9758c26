"""From a parsed graph to nodes that answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from deployments.graph.kind import KindSpec
from deployments.graph.node import Node
from deployments.graph.reach import homeward
from deployments.graph.transport import Transport
from deployments.graph.wiring import Wiring
from deployments.nodes.model import ModelNode
from deployments.nodes.registry import KINDS
from deployments.telemetry.demand import Demand


def kind_of(spec: KindSpec) -> str:
    """Return the key that names the kind of *spec*."""
    return next(name for name, kind in KINDS.items() if isinstance(spec, kind.spec))


def compile_graph(
    specs: Mapping[str, KindSpec],
    models: Iterable[str],
    transport: Transport,
    *,
    demand: Demand,
    surroundings: Wiring,
) -> Mapping[str, Node]:
    """Return every model and every graph node by its name.

    Names are looked up while requests run, so the order in the config does not matter; they must all exist and form no
    cycle, which the config's check has made sure of. Of the *surroundings* all but ``node`` is taken over.
    """
    traced, costs = surroundings.traced, surroundings.costs
    nodes: dict[str, Node] = {name: traced(name, "model", ModelNode(name, transport, demand, costs)) for name in models}
    wiring = replace(surroundings, node=nodes.__getitem__)
    for name, spec in specs.items():
        kind = kind_of(spec)
        node = homeward(name, KINDS[kind].build(name, spec, wiring), specs, wiring)
        nodes[name] = traced(name, kind, node)
    return nodes
