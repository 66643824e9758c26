"""What a pool asks for, has, and must not lose."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policy import Decision
from deployments.signals import Stage

# Without hardware, and on hardware that it will give back by itself.
_NOWHERE: Stage = "requested"
_LEAVING: Stage = "draining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One pool before hardware is dealt.

    ``wanted`` replicas, of which ``floor`` are given whatever else there is; ``has`` are on hardware and stay, while
    ``leaving`` ones drain. A replica takes ``gpus`` and ``cpus`` on a machine of ``kind`` ("" for any), in ``parts``
    machines of as much each, and costs ``price`` an hour.
    """

    pool: str
    wanted: int
    floor: int = 0
    has: int = 0
    leaving: int = 0
    gpus: float = 0.0
    cpus: float = 0.0
    kind: str = ""
    parts: int = 1
    price: float = 1.0
    priority: int = 0

    @property
    def kept(self) -> int:
        """Return how many running replicas it wants to keep."""
        return min(self.has, self.wanted)

    @property
    def surplus(self) -> int:
        """Return how many running replicas it lets go of by itself."""
        return self.has - self.kept

    @property
    def whole_gpus(self) -> float:
        """Return the GPUs of all parts together."""
        return self.gpus * self.parts


def claims(fleet: Fleet, decision: Decision, largest: float = math.inf) -> tuple[Claim, ...]:
    """Return every pool's claim, the higher priority first; no machine has more than *largest* GPUs."""
    found = (_claim(name, pool, decision.pools[name].replicas, largest) for name, pool in fleet.pools.items())
    return tuple(sorted(found, key=lambda claim: (-claim.priority, claim.pool)))


def _claim(name: str, pool: PoolFleet, wanted: int, largest: float) -> Claim:
    stages = Counter(replica.stage for replica in pool.replicas)
    hardware = pool.hardware
    parts = math.ceil(hardware.gpus / largest) if largest > 0 else 1
    floor = max(pool.min_replicas, pool.target) if pool.blind else pool.min_replicas
    return Claim(
        pool=name,
        wanted=wanted,
        floor=min(wanted, floor),
        has=len(pool.replicas) - stages[_NOWHERE] - stages[_LEAVING],
        leaving=stages[_LEAVING],
        gpus=_whole_fraction(hardware.gpus) / max(1, parts),
        cpus=hardware.cpus / max(1, parts),
        kind="" if not hardware.gpus or hardware.kind == "gpu" else hardware.kind,
        parts=max(1, parts),
        price=hardware.cost_per_hour,
        priority=pool.priority,
    )


def _whole_fraction(gpus: float) -> float:
    """Return what a fraction of a GPU really takes: it must come from one GPU, so 0.4 leaves room for one other."""
    return gpus if gpus == 0 or gpus >= 1 else 1 / math.floor(1 / gpus + 1e-9)
