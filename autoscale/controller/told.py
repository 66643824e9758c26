"""What everyone is told about the pools, and about the control loop itself."""

from __future__ import annotations

from collections.abc import Collection, Container

from autoscale.controller.adapters import RunTimeAdapters
from autoscale.controller.asleep import kept_empty
from autoscale.controller.deciding import Deciding
from autoscale.controller.journal import Journal
from autoscale.controller.places import places
from autoscale.controller.startups import Startups, youngest
from autoscale.controller.steering import Steering
from autoscale.fleet import Fleet
from autoscale.heard import Reports
from deployments.signals import GatewayPlace, PoolState, Scaling


def states(
    fleet: Fleet,
    reports: Reports,
    *,
    steering: Steering,
    adapters: RunTimeAdapters,
    asleep: Container[str],
    startups: Startups,
) -> dict[str, PoolState]:
    """Return each pool's state; those that *steering* publishes nothing for keep what Serve steers to."""
    return {
        name: PoolState(
            ready=pool.ready,
            target=steering.targets.get(name, pool.target),
            starting=pool.starting,
            scaled_to_zero=name in asleep,
            kept_empty="" if pool.ready or steering.targets.get(name) else kept_empty(name, steering),
            replicas=places(pool, reports),
            adapters=tuple(sorted(adapters.of(name))),
            startup=youngest(pool, reports),
            ttft_target_s=pool.slo.ttft_p95_s,
            tpot_target_s=pool.slo.tpot_p95_s,
            cold_start_s=startups.cold_start_s(name, pool),
            ready_in_s=startups.ready_in_s(name, pool, fleet.at_s),
            starting_for_s=startups.starting_for_s(pool, fleet.at_s),
            parked=steering.releases.parked(name),
        )
        for name, pool in fleet.pools.items()
    }


def gateways(reports: Reports, now_s: float, stale_after_s: float) -> tuple[GatewayPlace, ...]:
    """Return where the gateways that speak are scraped."""
    last = {name: heard[-1] for name, heard in sorted(reports.gateways.items())}
    return tuple(
        GatewayPlace(gateway=name, address=heard.signals.address, key=heard.signals.key)
        for name, heard in last.items()
        if heard.signals.address and now_s - heard.at_s <= stale_after_s
    )


def scaling(
    pools: Collection[str], journal: Journal, steering: Steering, deciding: Deciding, serve_errors: int
) -> Scaling:
    """Return what the control loop has done."""
    return Scaling(
        mode=deciding.spec.mode,
        decisions={pool: journal.counted[pool] for pool in pools if pool in journal.counted},
        policy_errors=deciding.errors,
        serve_errors=serve_errors,
        decide=deciding.seconds(),
        proposed=tuple(pool for pool in pools if steering.proposals.waiting(pool) is not None),
        pinned=tuple(pool for pool in pools if steering.pins.of(pool) is not None),
    )
