"""Decide whether a gateway should be sent traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.gateway.settings import GatewaySettings
from deployments.graph.reach import reachable
from deployments.signals import FleetView, PoolState

_NOTHING = PoolState(ready=0, target=0, starting=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The verdict, its reason, and the pools that it rests on.

    ``audit`` says what an audit trail comes to for clients, if there is one: ``ok``, ``refusing`` or
    ``answering without records``.
    """

    ready: bool
    reason: str
    pools: Mapping[str, PoolState]
    audit: str = ""

    def told(self) -> dict[str, Any]:
        """Return what anyone may know: where replicas are reached, and with which key, is not for clients."""
        pools = {
            name: {
                "ready": pool.ready,
                "target": pool.target,
                "starting": pool.starting,
                "scaled_to_zero": pool.scaled_to_zero,
            }
            for name, pool in self.pools.items()
        }
        audit = {"audit": self.audit} if self.audit else {}
        return {"ready": self.ready, "reason": self.reason, "pools": pools, **audit}


def missing_at_start(settings: GatewaySettings, view: FleetView | None) -> list[str]:
    """Return the pools that must have a replica before the first request, and have none."""
    pools = view.pools if view else {}
    wanted = (name for name, model in settings.models.items() if model.min_replicas > 0 and model.remote is None)
    return [name for name in wanted if pools.get(name, _NOTHING).ready < 1]


def judge(settings: GatewaySettings, view: FleetView | None, *, started: bool, draining: bool) -> Readiness:
    """Judge a gateway; *started* tells that all pools have once been ready.

    A pool that was scaled to zero counts as able to answer: it grows when a request comes. So does a remote model,
    whose server is not this cluster's to watch.
    """
    remote = settings.remotes()
    local = (name for name in settings.models if name not in remote)
    pools = {name: view.pools.get(name, _NOTHING) if view else _NOTHING for name in local}
    if draining:
        return Readiness(ready=False, reason="draining", pools=pools)
    if not started and (missing := missing_at_start(settings, view)):
        return Readiness(ready=False, reason=f"waiting for {', '.join(missing)}", pools=pools)
    reached = sorted(reachable(settings.default, settings.graph))
    able = [name for name in reached if name in remote or pools[name].ready > 0 or pools[name].scaled_to_zero]
    if not able:
        return Readiness(
            ready=False, reason=f"no pool that {settings.default} leads to has a ready replica", pools=pools
        )
    return Readiness(ready=True, reason=f"{settings.default} is answered by {', '.join(able)}", pools=pools)
