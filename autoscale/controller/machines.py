"""The machines of a Ray cluster, and what of the fleet is on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autoscale.controller.victims import Places
from autoscale.hardware import Inventory, Node
from autoscale.served import Served

HEAD = "node:__internal_head__"
_ACCELERATOR = "accelerator_type:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """The machines that are alive at ``at_s`` (Unix time); ``head`` is the id of the one with Ray's head."""

    at_s: float
    nodes: tuple[Node, ...] = ()
    head: str = ""


def machines(nodes: Iterable[Mapping[str, Any]], *, at_s: float) -> Machines:
    """Pick the machines that are alive out of what Ray says."""
    alive = [node for node in nodes if node.get("Alive")]
    head = next((node["NodeID"] for node in alive if HEAD in node.get("Resources", {})), "")
    return Machines(at_s=at_s, nodes=tuple(map(_machine, alive)), head=head)


def whereabouts(machines: Machines | None, served: Served) -> Places:
    """Return where every replica is, for the order in which Serve stops them."""
    nodes = {one.replica: one.node for pool in served.pools.values() for one in pool.replicas}
    return Places(nodes=nodes, crowd=served.crowd, head=machines.head if machines is not None else "")


def inventory(nodes: tuple[Node, ...], served: Served) -> Inventory:
    """Put the replicas of every pool on their machines."""
    placed: dict[str, Counter[str]] = {}
    for name, pool in served.pools.items():
        for replica in pool.replicas:
            if replica.node:
                placed.setdefault(replica.node, Counter())[name] += 1
    return Inventory(nodes=nodes, placed={node: dict(pools) for node, pools in placed.items()})


def _machine(node: Mapping[str, Any]) -> Node:
    has: Mapping[str, float] = node.get("Resources", {})
    kinds = sorted(name.removeprefix(_ACCELERATOR) for name in has if name.startswith(_ACCELERATOR))
    gpus = float(has.get("GPU", 0.0))
    return Node(
        node=node["NodeID"],
        kind=kinds[0] if kinds and gpus else "gpu" if gpus else "cpu",
        gpus=gpus,
        cpus=float(has.get("CPU", 0.0)),
    )
