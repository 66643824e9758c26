"""Stand-ins that nobody can be or reach: of other work, of another cluster, or without a node that acts on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.config import ModelSpec
from cluster.parts import Parts
from cluster.problems import Problem, path_of, shown
from deployments.adapters import split_name
from deployments.gateway.abilities import work_of
from deployments.graph.kind import KindSpec
from deployments.nodes.brown_out.spec import BrownOutSpec
from deployments.strict import nearest


def misplaced(parts: Parts) -> Iterator[Problem]:
    """Find stand-ins, and pools that they stand in for, of which there is no load or capacity to go by."""
    for name, model in parts.models.items():
        for at, pool in enumerate(model.stands_in_for):
            if rule := _unfit(name, model, pool, parts):
                yield Problem(path=path_of(("models", name, "stands_in_for", at)), message=rule, value=pool)
    for name, spec in parts.graph.items():
        for loc, to in spec.targets() if isinstance(spec, BrownOutSpec) else ():
            if (pool := split_name(to)[0]) not in parts.models and (pool in parts.remotes or pool in parts.graph):
                what = "another server" if pool in parts.remotes else "a graph node"
                rule = f"is {what}; name a pool of this cluster: nothing is known of any other's load and capacity"
                yield Problem(path=path_of(("graph", name, *loc)), message=f"{shown(to)} {rule}", value=to)


def _unfit(name: str, model: ModelSpec, pool: str, parts: Parts) -> str | None:
    if pool == name:
        return "is the model itself; name those that it may answer for"
    if pool not in parts.models:
        broken = pool in parts.names("models") and pool not in parts.remotes
        return None if broken else f"{shown(pool)} is no pool of this cluster; {nearest(pool, parts.models)}"
    if work_of(parts.models[pool].family) != work_of(model.family):
        return f"{pool} answers different endpoints; only models of the same kind can stand in for each other"
    return None


def unheeded(models: Mapping[str, ModelSpec], graph: Mapping[str, KindSpec]) -> Iterator[str]:
    """Say of each stand-in that no node of the graph would send it anything."""
    acting = {split_name(spec.brown_out)[0] for spec in graph.values() if isinstance(spec, BrownOutSpec)}
    for name, model in models.items():
        for pool in dict.fromkeys(model.stands_in_for):
            if pool not in acting:
                path = path_of(("models", name, "stands_in_for"))
                node = f"`{pool}-or-{name}: {{brown-out: {pool}}}`"
                yield f"{path}: no node of the graph acts on it; add {node} and lead to that instead of {pool}"


def unpriced(parts: Parts, *, ceiling: float | None) -> Iterator[Problem]:
    """Find models without a price where there is a ceiling on what all of them cost."""
    if ceiling is None:
        return
    for name, model in parts.models.items():
        if model.cost_per_hour is None and parts.sound("models", name, "cost_per_hour"):
            message = "is missing; autoscale.cost_ceiling_per_hour needs to know what one replica costs"
            yield Problem(path=path_of(("models", name, "cost_per_hour")), message=message)
