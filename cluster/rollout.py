"""Take a running cluster from one plan to another: what to do in which order, and who has got it.

A graph may lead to new pools and no longer to old ones, so new pools are ready before the gateways hear of them, and
old ones go after every gateway has forgotten them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from cluster.changes import IN_PLACE, RESTARTING
from cluster.obstacles import CannotServeError
from cluster.plan import Plan, PoolPlan

POLL_S = 0.25
HEARD_WITHIN_S = 5.0  # a gateway reports once a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The pools that come, those that are handed something new or restart, and the names of those that go."""

    added: tuple[PoolPlan, ...] = ()
    changed: tuple[PoolPlan, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far one set of settings has come: the gateways that have it, and those that still have another."""

    wanted: int
    having: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Say whether as many gateways have it as there should be; one that is being stopped may keep what it had."""
        return len(self.having) >= self.wanted


class Cluster(Protocol):
    """What can be done to a running cluster; each raises CannotServeError where it does not answer."""

    def configure(self, plan: Plan) -> None:
        """Tell the fleet controller pools, bounds and targets."""

    def deploy_pools(self, plan: Plan, pools: Sequence[PoolPlan]) -> None:
        """Start pools, or hand running ones what is new."""

    def deploy_gateway(self, plan: Plan) -> None:
        """Hand the gateways graph and limits."""

    def remove_pools(self, names: Sequence[str]) -> None:
        """Drain and stop pools."""

    def failures(self) -> Mapping[str, str]:
        """Return, by pool, why one could not be started."""

    def status(self) -> Mapping[str, Any]:
        """Return the fleet controller's status."""


def steps(old: Plan, new: Plan, targets: Mapping[str, int]) -> Steps:
    """Return what has to be done; *targets* are the replicas that each pool has by now.

    Serve sizes a pool anew to its ``initial_replicas`` whenever it is handed anything, so a pool that changes starts
    from where it is.
    """
    before = {pool.name: pool for pool in old.pools}
    kept = [pool for pool in new.pools if pool.name in before and _differs(before[pool.name], pool)]
    return Steps(
        added=tuple(pool for pool in new.pools if pool.name not in before),
        changed=tuple(replace(pool, initial_replicas=_within(pool, targets.get(pool.name))) for pool in kept),
        removed=tuple(sorted(before.keys() - {pool.name for pool in new.pools})),
    )


def roll_out(
    cluster: Cluster,
    old: Plan,
    new: Plan,
    settings: str,
    *,
    within_s: float,
    running: Callable[[Plan], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Spread:
    """Go from *old* to *new* and return how far the gateways have come with *settings*, a fingerprint, in time.

    *running* is told the plan that holds from then on, which has the pools that go until they may. Raises
    CannotServeError, with everything as before, when a new pool does not become ready in time.
    """
    until_s = clock() + within_s
    todo = steps(old, new, _targets(cluster.status()))
    meanwhile = replace(new, pools=(*new.pools, *(pool for pool in old.pools if pool.name in todo.removed)))
    if (old.pools, old.autoscale) != (new.pools, new.autoscale):  # a control loop that is told anything starts anew
        cluster.configure(meanwhile)
    if todo.added:
        cluster.deploy_pools(new, todo.added)
        late = _wait_for(cluster, [pool.name for pool in todo.added if pool.initial_replicas], until_s, clock, sleep)
        if late:
            cluster.remove_pools([pool.name for pool in todo.added])
            cluster.configure(old)
            raise CannotServeError(f"nothing was changed, for a new pool did not start: {late}")
    if todo.changed:
        cluster.deploy_pools(new, todo.changed)
    if old.gateway != new.gateway:
        cluster.deploy_gateway(new)
    running(meanwhile)
    spread = wait_for_gateways(cluster, new.gateway.replicas, settings, until_s, clock, sleep)
    if todo.removed and spread.complete:
        cluster.remove_pools(todo.removed)
        cluster.configure(new)
        running(new)
    return spread


def spread_of(status: Mapping[str, Any], wanted: int, settings: str) -> Spread:
    """Return who has *settings* by the controller's *status*; a gateway that is silent has nothing to say."""
    heard = {one["gateway"]: one["settings"] for one in status["gateways"] if one["age_s"] <= HEARD_WITHIN_S}
    return Spread(
        wanted=wanted,
        having=tuple(name for name, has in heard.items() if has == settings),
        others=tuple(name for name, has in heard.items() if has != settings),
    )


def wait_for_gateways(
    cluster: Cluster,
    wanted: int,
    settings: str,
    until_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Spread:
    """Wait until *wanted* gateways report *settings*; return how far they have come by then."""
    spread = Spread(wanted=wanted)
    while True:
        try:
            spread = spread_of(cluster.status(), wanted, settings)
        except CannotServeError:
            spread = replace(spread, having=(), others=())
        if spread.complete or clock() >= until_s:
            return spread
        sleep(POLL_S)


def _wait_for(
    cluster: Cluster, names: Sequence[str], until_s: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> str:
    """Wait for a ready replica of each pool; return what is wrong with the first that has none."""
    while True:
        waiting = [name for name in names if not _ready(cluster, name)]
        if not waiting:
            return ""
        failed = cluster.failures()
        broken = next((name for name in waiting if name in failed), None)
        if broken is not None:
            return f"{broken}: {failed[broken]}"
        if clock() >= until_s:
            return f"{', '.join(waiting)} had no replica ready in time"
        sleep(POLL_S)


def _ready(cluster: Cluster, name: str) -> bool:
    try:
        return bool(cluster.status()["pools"].get(name, {}).get("stages", {}).get("ready"))
    except CannotServeError:
        return False


def _targets(status: Mapping[str, Any]) -> dict[str, int]:
    return {name: pool["target"] for name, pool in status["pools"].items()}


def _differs(old: PoolPlan, new: PoolPlan) -> bool:
    return any(getattr(old, field) != getattr(new, field) for field in (*RESTARTING, *IN_PLACE))


def _within(pool: PoolPlan, target: int | None) -> int:
    return pool.initial_replicas if target is None else max(pool.min_replicas, min(pool.max_replicas, target))
