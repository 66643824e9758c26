"""Graph nodes that lead to models of which no request can take either: one generates, the other pools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.parts import Parts
from cluster.problems import Problem, path_of
from deployments.gateway.abilities import work_of
from deployments.gateway.surfaces import Work
from deployments.graph.capability import Capability

_TOLD: Mapping[Work, str] = {"generate": "generates", "pooling": "pools"}
_GIVEN: Mapping[Work, Capability] = {"generate": "text", "pooling": "vectors"}


def mixed(parts: Parts) -> Iterator[Problem]:
    """Find nodes whose targets do different work; a node above such a node is not blamed again."""
    for node in parts.graph:
        targets = {to: _works(to, parts, frozenset({node})) for to in _answering(node, parts)}
        if any(len(works) > 1 for works in targets.values()) or len(frozenset().union(*targets.values())) < len(_TOLD):
            continue
        told = ", ".join(f"{to} {_TOLD[work]}" for to, works in targets.items() for work in works)
        message = f"leads to models that answer different endpoints: {told}; give each kind a node of its own"
        yield Problem(path=path_of(("graph", node)), message=message)


def _works(name: str, parts: Parts, above: frozenset[str]) -> frozenset[Work]:
    """Return the work of every model that *name* leads to; a cycle is another check's business."""
    if name in parts.models:
        return frozenset({work_of(parts.models[name].family)})
    if name in parts.remotes:
        gives = parts.remotes[name].gives()
        return frozenset(work for work, given in _GIVEN.items() if given in gives)
    if name in above:
        return frozenset()
    return frozenset().union(*(_works(to, parts, above | {name}) for to in _answering(name, parts)))


def _answering(name: str, parts: Parts) -> list[str]:
    """Return whose answers clients get; of a node that cannot be read, all that it seems to lead to."""
    if name in parts.graph:
        return parts.graph[name].answering()
    return [to for node, _, to in parts.edges if node == name]
