"""Nodes that need something of their targets which these do not give: log-probabilities, images, text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from cluster.parts import Parts
from cluster.problems import Problem, path_of
from deployments.gateway.abilities import pool_gives
from deployments.graph.capability import Capability, told
from deployments.graph.composition import Composition, Shortfall
from deployments.remote.spec import RemoteEndpoint


def unmet(parts: Parts) -> Iterator[Problem]:
    """Find needs that a target does not meet, each with the names from there to the cause."""
    pools = {name: pool_gives(model.family, model.media) for name, model in parts.models.items()}
    models = {**pools, **{name: model.gives() for name, model in parts.remotes.items()}}
    for shortfall in Composition(models, parts.graph).shortfalls():
        node, need = shortfall.node, shortfall.need
        path = path_of(("graph", node, *need.because))
        yield Problem(path=path, message=_message(shortfall, parts), value=need.target)


def _message(shortfall: Shortfall, parts: Parts) -> str:
    node, need, way = shortfall.node, shortfall.need, shortfall.way
    through = f", which leads to {' -> '.join(way[1:])}" if len(way) > 1 else ""
    return f"{node} needs {told(need.what)} from {need.target}{through}; {_none_from(way[-1], need.what, parts)}"


def _none_from(cause: str, what: Capability, parts: Parts) -> str:
    """Say that *cause* gives none, and what to write where it could."""
    if cause in parts.graph:
        return f"the kind of {cause} gives none"
    if what == "images":
        return f"{cause} takes none until its media.images says how many"
    if cause in parts.remotes and what == "logprobs":
        return f"{cause} gives none; write `logprobs: true` there if its server does"
    if cause in parts.remotes and what in get_args(RemoteEndpoint):
        return f"{cause} gives none; add {what} to its endpoints if its server has it"
    return f"{cause} gives none"
