"""Whether the pools fit on the machines, and what is missing where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cluster.packing import Demand, place, rooms
from cluster.placement import Shape
from cluster.plan import Machine
from cluster.problems import Problem, path_of

_INVENTORY = ("gpus", "cpus", "memory")


def too_large(pool: str, shape: Shape, nodes: Sequence[Machine]) -> Problem | None:
    """Return why no machine can ever hold one replica of the pool, or one of its pipeline stages."""
    gpus, cpus, memory = (max((getattr(node, name) for node in nodes), default=0) for name in _INVENTORY)
    total = sum(node.gpus for node in nodes)
    if shape.stage_gpus > gpus:
        key = "engine.tensor_parallel_size" if shape.tensor > 1 else "resources.gpus"
        return _lack(pool, key, f"{shape.stage_gpus:g} GPU on one machine", f"{gpus}")
    if shape.gpus > total:
        return _lack(pool, "engine.pipeline_parallel_size", f"{shape.gpus:g} GPU", f"{total} in all")
    if shape.gpus:
        return None
    if shape.cpus > cpus:
        return _lack(pool, "resources.cpus", f"{shape.cpus:g} CPU on one machine", f"{cpus}")
    if (shape.memory or 0) > memory:
        return _lack(pool, "resources.memory", f"{_gib(shape.memory or 0)} on one machine", _gib(memory))
    return None


def _lack(pool: str, key: str, need: str, have: str) -> Problem:
    path = path_of(("models", pool, *key.split(".")))
    return Problem(path=path, message=f"a replica needs {need}; there is {have}")


def shortages(least: Sequence[Demand], nodes: Sequence[Machine]) -> Iterator[Problem]:
    """Find pools whose fewest replicas do not fit beside those of the others."""
    placed = place(least, rooms(nodes))
    for demand in least:
        if (count := placed[demand.pool]) < demand.replicas:
            beside = " beside the other pools" if len(least) > 1 else ""
            wanted, machines = f"{demand.replicas} × {_asked(demand)}", inventory(nodes)
            message = f"{wanted} do not fit{beside} on {machines}: there is room for {count}"
            yield Problem(
                path=path_of(("models", demand.pool, "replicas", "min")), message=message, value=demand.replicas
            )


def ceilings(least: Sequence[Demand], most: Sequence[Demand], nodes: Sequence[Machine]) -> Iterator[str]:
    """Say of each pool whose most replicas do not fit how many do, once every pool has its fewest."""
    into = rooms(nodes)
    held: Mapping[str, int] = place(least, into)
    more = place([_beyond(demand, held[demand.pool]) for demand in most], into)
    for demand in most:
        count = held[demand.pool] + more[demand.pool]
        if count < demand.replicas:
            path = path_of(("models", demand.pool, "replicas", "max"))
            yield f"{path}: of {demand.replicas} × {_asked(demand)} there is room for {count} on {inventory(nodes)}"


def _beyond(demand: Demand, held: int) -> Demand:
    return Demand(pool=demand.pool, replicas=demand.replicas - held, parts=demand.parts)


def _asked(demand: Demand) -> str:
    gpus, cpus = sum(part.gpus for part in demand.parts), sum(part.cpus for part in demand.parts)
    memory = sum(part.memory or 0 for part in demand.parts)
    amounts = [f"{gpus:g} GPU" if gpus else "", f"{cpus:g} CPU" if cpus else "", _gib(memory) if memory else ""]
    return f"({' + '.join(amount for amount in amounts if amount)})"


def inventory(nodes: Sequence[Machine]) -> str:
    """Say which machines there are."""
    kinds = {node: sum(other == node for other in nodes) for node in nodes}
    return " and ".join(
        f"{count} machine{'s' * (count > 1)} of {node.cpus} CPU, {node.gpus} GPU, {_gib(node.memory)}"
        for node, count in kinds.items()
    )


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
