"""Fleets that want hardware, with defaults; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autoscale.arbiter.arbiter import Arbiter
from autoscale.arbiter.spec import SharedSpec
from autoscale.fleet import Fleet, PoolFleet, ReplicaFleet
from autoscale.hardware import Hardware, Inventory, Node
from autoscale.policy import Decision, PoolDecision
from tests.autoscale.builders import NOW_S


@dataclass(slots=True)
class Wants:
    """A policy that asks for what it is told to."""

    replicas: Mapping[str, int]

    def decide(self, fleet: Fleet) -> Decision:
        """Ask."""
        return Decision(
            pools={name: PoolDecision(replicas=self.replicas[name], reason="asked") for name in fleet.pools}
        )


def pool(has: int, *, gpus: float = 1.0, leaving: int = 0, requested: int = 0, **given: Any) -> PoolFleet:
    """Return a pool with so many ready replicas of so many GPUs each."""
    stages = ["ready"] * has + ["draining"] * leaving + ["requested"] * requested
    replicas = tuple(
        ReplicaFleet(replica=f"r{at}", stage=stage, since_s=0.0)  # type: ignore[arg-type]
        for at, stage in enumerate(stages)
    )
    hardware = Hardware(kind="gpu" if gpus else "cpu", gpus=gpus, cpus=1.0, cost_per_hour=gpus or 1.0)
    return PoolFleet(**{
        "min_replicas": 0, "max_replicas": 1000, "target": has + requested, "replicas": replicas,
        "hardware": hardware, **given,
    })  # fmt: skip


def arbiter(wants: Mapping[str, int], **spec: Any) -> Arbiter:
    """Return an arbiter whose inner policy wants so many replicas of each pool."""
    return Arbiter(Wants(wants), SharedSpec.model_validate(spec))


def fleet(pools: Mapping[str, PoolFleet], *, at_s: float = NOW_S, inventory: Inventory | None = None) -> Fleet:
    """Return a fleet of these pools."""
    return Fleet(at_s=at_s, pools=pools, inventory=inventory)


def nodes(*gpus: float, placed: Mapping[str, Mapping[str, int]] | None = None, **given: Any) -> Inventory:
    """Return machines of so many GPUs each, named n0, n1, ..."""
    there = tuple(Node(node=f"n{at}", kind="gpu", gpus=each, cpus=100.0) for at, each in enumerate(gpus))
    return Inventory(nodes=there, placed=placed or {}, **given)


def sizes(decision: Decision) -> dict[str, int]:
    """Return the replicas of each pool."""
    return {name: told.replicas for name, told in decision.pools.items()}
