"""The groups of machines that a declared cluster may have, and how pools are kept to theirs.

Machines of a group offer Ray a resource by its name; a replica that belongs there asks for a grain of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, Field

from cluster.plan import Machine, Plan, PoolPlan
from cluster.problems import Problem
from deployments.strict import Strict, nearest

GATEWAY = "tercet-gateway"
_GROUP = "tercet-group-"
_GRAIN = 0.001

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?", re.ASCII)
_UNITS = {"m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def quantity(value: object) -> float:
    """Read a quantity as Kubernetes writes it: ``500m``, ``8``, ``64Gi``."""
    match = _QUANTITY.fullmatch(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if match is None:
        raise ValueError("is not a quantity such as 500m, 8 or 64Gi")
    return float(match[1]) * _UNITS.get(match[2], 1)


def _whole(value: object) -> int:
    return int(quantity(value))


class Group(Strict):
    """Machines of one kind: each has ``cpu`` whole cores, ``memory`` bytes and ``gpus``; there are ``most`` at most.

    The replicas of ``pools`` lie on these machines alone; those of other pools may as well.
    """

    cpu: Annotated[int, BeforeValidator(_whole), Field(ge=0)]
    memory: Annotated[int, BeforeValidator(_whole), Field(gt=0)]
    gpus: int = Field(default=0, ge=0)
    most: int = Field(ge=1, le=1000)
    pools: tuple[str, ...] = ()

    @property
    def machine(self) -> Machine:
        """Return one machine of the group."""
        return Machine(cpus=self.cpu, gpus=self.gpus, memory=self.memory)


def offered(group: str) -> str:
    """Return the resource that machines of *group* offer Ray."""
    return f"{_GROUP}{group}"


def machines(groups: Mapping[str, Group]) -> tuple[Machine, ...]:
    """Return all machines that there may be."""
    return tuple(group.machine for group in groups.values() for _ in range(group.most))


def misgrouped(plan: Plan, groups: Mapping[str, Group]) -> Iterator[Problem]:
    """Find pools that no document knows, that have two groups, or that no machine of their group has room for."""
    pools = {pool.name: pool for pool in plan.pools}
    taken: dict[str, str] = {}
    for name, group in groups.items():
        path = f"workerGroups.{name}.pools"
        for pool in group.pools:
            if pool not in pools:
                yield Problem(path=path, message=f"no pool is named {pool!r}; {nearest(pool, pools)}")
            elif pool in taken:
                yield Problem(path=path, message=f"{pool} is kept to the group {taken[pool]} already; keep one")
            elif (short := _shortage(pools[pool], group)) is not None:
                yield Problem(path=path, message=f"one rank of {pool} takes {short}")
            taken.setdefault(pool, name)


def _shortage(pool: PoolPlan, group: Group) -> str | None:
    has = {"CPU": group.cpu, "GPU": group.gpus, "memory": group.memory}
    for bundle in pool.bundles:
        for name, amount in bundle.items():
            if name in has and amount > has[name]:
                return f"{amount:g} {name}, and a machine of the group has {has[name]:g}"
    return None


def kept_to_groups(plan: Plan, groups: Mapping[str, Group]) -> Plan:
    """Return *plan* with gateways on machines for gateways, and pools on those of their groups.

    No engine binds cores: whoever shares a machine from inside a container sees all of its cores, and two would bind
    the same ones.
    """
    home = {pool: name for name, group in groups.items() for pool in group.pools}
    return replace(
        plan,
        gateway=replace(plan.gateway, resources={GATEWAY: 1.0}),
        pools=tuple(
            replace(_kept(pool, home[pool.name]) if pool.name in home else pool, pinned_cores=None)
            for pool in plan.pools
        ),
    )


def _kept(pool: PoolPlan, group: str) -> PoolPlan:
    return replace(pool, bundles=tuple({**bundle, offered(group): _GRAIN} for bundle in pool.bundles))
