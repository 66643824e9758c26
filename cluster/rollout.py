"""Take a running cluster from one plan to another: in which order, and what is written down meanwhile.

A graph may lead to new pools and no longer to old ones, so new pools are ready before the gateways hear of them, and
old ones go after every gateway has forgotten them and the requests that began before have ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from cluster.obstacles import CannotServeError
from cluster.plan import Plan, PoolPlan
from cluster.spread import Spread
from cluster.steps import Steps, steps, with_pools
from cluster.watch import Watch, Watched

Running = Callable[[Sequence[Plan]], None]


class Cluster(Watched, Protocol):
    """What can be done to a running cluster; each raises CannotServeError where it does not answer."""

    def configure(self, plan: Plan) -> None:
        """Tell the fleet controller pools, bounds and targets."""

    def deploy_pools(self, plan: Plan, pools: Sequence[PoolPlan]) -> None:
        """Start pools, or hand running ones what is new."""

    def deploy_gateway(self, plan: Plan) -> None:
        """Hand the gateways graph and limits."""

    def remove_pools(self, names: Sequence[str]) -> None:
        """Drain and stop pools; those that are not there are gone already."""


def roll_out(
    cluster: Cluster,
    olds: Sequence[Plan],
    new: Plan,
    settings: str,
    *,
    within_s: float,
    running: Running,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Spread:
    """Go to *new* and return how far the gateways have come with *settings*, a fingerprint, in time.

    Parts of the cluster have one of *olds*; it is one unless a change before has stopped half way. *running* is told
    the plans that parts may have from then on, before anything is done that makes it so: however this ends, the next
    try knows what to hand over again. Raises CannotServeError when a new pool does not become ready in time, with
    everything as before, and when engines that restart do not come back.
    """
    watch = Watch(cluster=cluster, until_s=clock() + within_s, clock=clock, sleep=sleep)
    todo = steps(olds, new, {name: pool["target"] for name, pool in cluster.status()["pools"].items()})
    meanwhile = with_pools(new, olds, todo.removed)
    running(_distinct(*olds, new))
    if any((old.pools, old.autoscale, old.costs) != (new.pools, new.autoscale, new.costs) for old in olds):
        cluster.configure(meanwhile)  # only then: a control loop that is told anything starts anew
    _add(cluster, watch, olds, new, todo.added, running)
    _change(cluster, watch, olds, new, todo)
    running([meanwhile])
    spread = watch.gateways(new.gateway.replicas, settings)
    if todo.removed and spread.complete:
        watch.quiet(todo.removed)
        running(_distinct(meanwhile, new))
        cluster.remove_pools(todo.removed)
        cluster.configure(new)
        running([new])
    return spread


def _add(
    cluster: Cluster, watch: Watch, olds: Sequence[Plan], new: Plan, added: Sequence[PoolPlan], running: Running
) -> None:
    """Start pools and wait until they are ready and every gateway knows of them; take them back when they are not."""
    if not added:
        return
    cluster.deploy_pools(new, added)
    late = watch.ready([pool.name for pool in added if pool.initial_replicas])
    if not late:
        watch.told_of([pool.name for pool in added])
        return
    before = with_pools(olds[0], olds)
    cluster.remove_pools([pool.name for pool in added if pool.name not in {one.name for one in before.pools}])
    cluster.configure(before)
    if len(olds) > 1:
        raise CannotServeError(f"the change before is still half way, for a new pool did not start: {late}")
    running(olds)
    raise CannotServeError(f"nothing was changed, for a new pool did not start: {late}")


def _change(cluster: Cluster, watch: Watch, olds: Sequence[Plan], new: Plan, todo: Steps) -> None:
    """Hand pools and gateways what is new, and wait for engines that restart."""
    restarted = [pool.name for pool in todo.changed if pool.name in todo.restarted and pool.initial_replicas]
    # After a change that stopped half way they may have restarted already, and no others come.
    before = watch.replicas(restarted) if restarted and len(olds) == 1 else frozenset[str]()
    if todo.changed:
        cluster.deploy_pools(new, todo.changed)
    if any(old.gateway != new.gateway for old in olds):
        cluster.deploy_gateway(new)
    faulty = watch.ready(restarted, before)
    if faulty:
        raise CannotServeError(
            f"everything was handed over, but engines that restart are not back: {faulty}; "
            "`tercet apply` again looks anew, with the file of before as well."
        )


def _distinct(*plans: Plan) -> list[Plan]:
    """Return *plans* without those that are the same as one before."""
    return [plan for at, plan in enumerate(plans) if plan not in plans[:at]]
