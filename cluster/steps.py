"""What has to be done to take a cluster from one plan to another, or from several that parts of it may have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cluster.changes import IN_PLACE, RESTARTING
from cluster.plan import Plan, PoolPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The pools that come, those that are handed something, and the names of those that go.

    ``restarted`` names the pools among ``changed`` whose engines restart.
    """

    added: tuple[PoolPlan, ...] = ()
    changed: tuple[PoolPlan, ...] = ()
    restarted: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def steps(olds: Sequence[Plan], new: Plan, targets: Mapping[str, int]) -> Steps:
    """Return what has to be done so that all of a cluster has *new*; each part of it has one of *olds*.

    *targets* are the replicas that each pool has by now: Serve sizes a pool anew to its ``initial_replicas`` whenever
    it is handed anything, so a pool that may be there starts from where it is.
    """
    before = [{pool.name: pool for pool in plan.pools} for plan in olds]
    ever = {name for pools in before for name in pools}
    kept = {pool.name: pool for pool in new.pools if all(pool.name in pools for pools in before)}
    handed = len({_adapters_from(plan) for plan in (*olds, new)}) > 1  # every engine is told of these folders

    def differ(*fields: str) -> set[str]:
        return {
            name
            for name, pool in kept.items()
            if any(getattr(pools[name], field) != getattr(pool, field) for pools in before for field in fields)
        }

    changed = set(kept) if handed else differ(*RESTARTING, *IN_PLACE)
    sized = [_at(pool, targets.get(pool.name)) if pool.name in ever else pool for pool in new.pools]
    return Steps(
        added=tuple(pool for pool in sized if pool.name not in kept),
        changed=tuple(pool for pool in sized if pool.name in changed),
        restarted=tuple(sorted(differ(*RESTARTING))),
        removed=tuple(sorted(ever - {pool.name for pool in new.pools})),
    )


def with_pools(plan: Plan, olds: Iterable[Plan], names: Iterable[str] | None = None) -> Plan:
    """Return *plan* with the pools of *olds* that it lacks too: those of *names*, or all."""
    pools = {pool.name: pool for pool in plan.pools}
    wanted = None if names is None else set(names)
    for pool in (pool for old in olds for pool in old.pools):
        if wanted is None or pool.name in wanted:
            pools.setdefault(pool.name, pool)
    return replace(plan, pools=tuple(pools.values()))


def _adapters_from(plan: Plan) -> tuple[str, ...]:
    return tuple(plan.gateway.settings["admin"]["adapters_from"])


def _at(pool: PoolPlan, target: int | None) -> PoolPlan:
    if target is None:
        return pool
    return replace(pool, initial_replicas=max(pool.min_replicas, min(pool.max_replicas, target)))
