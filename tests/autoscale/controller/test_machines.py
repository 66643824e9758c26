"""From what Ray says about its nodes to machines, and to where replicas are."""

from __future__ import annotations

from typing import Any

from autoscale.controller.machines import inventory, machines, whereabouts
from autoscale.hardware import Node
from autoscale.served import Served, ServedPool, ServedReplica


def node(name: str, *, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"NodeID": name, "Alive": alive, "Resources": {f"node:{name}": 1.0, **resources}}


def test_machines_are_those_alive_with_their_kind_and_the_head_is_known() -> None:
    """A machine whose GPUs have no name is of the kind gpu."""
    told = [
        node("a", CPU=4.0, **{"node:__internal_head__": 1.0}),
        node("b", CPU=64.0, GPU=8.0, **{"accelerator_type:H100": 1.0}),
        node("c", GPU=1.0),
        node("d", alive=False, CPU=4.0),
    ]
    found = machines(told, at_s=5.0)
    assert (found.at_s, found.head) == (5.0, "a")
    assert found.nodes == (
        Node(node="a", cpus=4.0),
        Node(node="b", kind="H100", gpus=8.0, cpus=64.0),
        Node(node="c", kind="gpu", gpus=1.0),
    )


def test_replicas_are_counted_where_they_are() -> None:
    """One without a machine is nowhere yet."""
    on = [ServedReplica(replica=f"r{at}", state="running", node=where) for at, where in enumerate(("a", "a", "b", ""))]
    served = Served(at_s=0.0, pools={"dense": ServedPool(target=4, replicas=tuple(on))}, crowd={"a": 3})
    assert inventory((Node(node="a"),), served).placed == {"a": {"dense": 2}, "b": {"dense": 1}}
    where = whereabouts(None, served)
    assert (where.nodes["r2"], where.crowd, where.head) == ("b", {"a": 3}, "")
