"""Lay the pools out on the machines: what each replica reserves, and whether all of them fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cluster.config import ModelSpec
from cluster.cores import divide
from cluster.fit import ceilings, shortages, too_large
from cluster.packing import Demand
from cluster.placement import Shape, groups, strategy
from cluster.plan import Machine
from cluster.problems import Problem
from cluster.sizing import shape_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a replica of each pool reserves; pools in ``pinned`` bind their CPUs as cores of their own."""

    shapes: Mapping[str, Shape]
    pinned: frozenset[str]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def lay_out(models: Mapping[str, ModelSpec], nodes: Sequence[Machine]) -> Layout:
    """Place every pool of *models*; a pool too large for any machine is reported and the others are still placed."""
    asked = {name: shape_of(model, nodes) for name, model in models.items()}
    large = {name: problem for name, shape in asked.items() if (problem := too_large(name, shape, nodes))}
    shapes = {name: shape for name, shape in asked.items() if name not in large}
    most = [_demand(name, shape, models[name].replicas.max, nodes) for name, shape in shapes.items()]
    engines = [demand for demand in most if models[demand.pool].runtime == "vllm" and not shapes[demand.pool].gpus]
    cores = divide(engines, [demand for demand in most if demand not in engines], nodes)
    shapes |= {pool: replace(shapes[pool], cpus=cpus) for pool, cpus in cores.cpus.items()}
    least = [_demand(name, shape, models[name].replicas.min, nodes) for name, shape in shapes.items()]
    most = [replace(demand, replicas=models[demand.pool].replicas.max) for demand in least]
    short = tuple(shortages(least, nodes))
    return Layout(
        shapes=shapes,
        pinned=frozenset(cores.cpus) if cores.pinned else frozenset(),
        problems=(*large.values(), *short),
        notes=(*filter(None, [cores.note]), *(() if short else ceilings(least, most, nodes))),
    )


def _demand(pool: str, shape: Shape, replicas: int, nodes: Sequence[Machine]) -> Demand:
    return Demand(pool=pool, replicas=replicas, parts=groups(shape, strategy(shape, nodes)))
