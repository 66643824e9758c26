"""Hardware that replicas are placed on."""

from __future__ import annotations

from autoscale.hardware import Hardware, Inventory, Node
from autoscale.sim.machines import Machines

GPU = Hardware(kind="H100", gpus=1.0, cpus=4.0)


def _node(name: str, gpus: float = 2.0, kind: str = "H100") -> Node:
    return Node(node=name, kind=kind, gpus=gpus, cpus=8.0)


def test_without_an_inventory_there_is_room_for_everything():
    """And nobody is shown one."""
    machines = Machines(None)
    assert all(machines.take("chat", GPU) == "" for _ in range(100))
    assert machines.inventory() is None


def test_the_fullest_node_is_taken_first():
    """So that whole nodes stay free; what is given back can be taken again."""
    machines = Machines(Inventory(nodes=(_node("a"), _node("b"), _node("c", kind="A100"))))
    placed = [machines.take("chat", GPU) for _ in range(5)]
    assert placed == ["a", "a", "b", "b", None]
    machines.give_back("a", "chat", GPU)
    assert machines.inventory().placed == {"a": {"chat": 1}, "b": {"chat": 2}, "c": {}}
    assert machines.take("code", GPU) == "a"


def test_nodes_are_added_while_they_may_be():
    """One that fits, and no more than there are."""
    machines = Machines(Inventory(nodes=(), addable=((_node("tpu", kind="TPU"), 5), (_node("new", gpus=1.0), 2))))
    assert [machines.take("chat", GPU) for _ in range(3)] == ["new+1", "new+2", None]
    assert machines.inventory().addable == ((_node("tpu", kind="TPU"), 5),)


def test_a_failed_node_takes_nothing_until_it_is_repaired():
    """Nor is it shown."""
    machines = Machines(Inventory(nodes=(_node("a"),)))
    machines.fail("a")
    assert machines.take("chat", GPU) is None
    assert machines.inventory().nodes == ()
    machines.repair("a")
    assert machines.take("chat", GPU) == "a"
