"""Ask Serve which replicas it has and how many it is steering to."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import ray
from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE

from autoscale.pools import PoolSettings
from autoscale.served import Served, ServedPool, ServedReplica, ServedState

log = logging.getLogger("tercet.autoscale")

_STATES: Mapping[str, ServedState] = {
    "STARTING": "starting",
    "RUNNING": "running",
    "UPDATING": "running",
    "RECOVERING": "running",
    "PENDING_MIGRATION": "running",
    "STOPPING": "stopping",
}


async def read_served(pools: Iterable[PoolSettings], deadline_s: float) -> Served | None:
    """Return Serve's view, ``None`` when it does not answer within *deadline_s*."""
    try:
        async with asyncio.timeout(deadline_s):
            # Looking an actor up blocks its caller, and waits long while the cluster's head is away.
            serve = await asyncio.to_thread(ray.get_actor, SERVE_CONTROLLER_NAME, SERVE_NAMESPACE)
            details = await serve.get_serve_instance_details.remote()
    except (TimeoutError, ValueError, ray.exceptions.RayError) as error:
        log.warning("serve_silent reason=%s", error or type(error).__name__)
        return None
    return served(details, pools, at_s=time.time())


async def end(actors: Iterable[str], deadline_s: float) -> None:
    """End replicas that have never answered, all of them within *deadline_s*; one that is gone is nothing to do."""
    await asyncio.gather(*(_end(name, deadline_s) for name in actors))


async def _end(name: str, deadline_s: float) -> None:
    try:
        async with asyncio.timeout(deadline_s):
            actor = await asyncio.to_thread(ray.get_actor, name, SERVE_NAMESPACE)
            await asyncio.to_thread(ray.kill, actor)
    except (TimeoutError, ValueError, ray.exceptions.RayError) as error:
        log.warning("replica_not_cancelled actor=%s reason=%s", name, error or type(error).__name__)
    else:
        log.info("replica_cancelled actor=%s", name)


def served(details: Mapping[str, Any], pools: Iterable[PoolSettings], *, at_s: float) -> Served:
    """Pick the pools out of what Serve says about all its applications."""
    found = {pool.name: _deployment(details, pool) for pool in pools}
    sized = {name: _pool(deployment) for name, deployment in found.items() if deployment is not None}
    everyone = [
        replica
        for application in details["applications"].values()
        for deployment in application.get("deployments", {}).values()
        for replica in deployment["replicas"]
    ]
    listed = frozenset(replica["replica_id"] for replica in everyone)
    return Served(at_s=at_s, pools=sized, crowd=_crowd(everyone), listed=listed)


def _crowd(replicas: Iterable[Mapping[str, Any]]) -> Mapping[str, int]:
    running = (replica for replica in replicas if replica["state"] == "RUNNING")
    return Counter(replica["node_id"] for replica in running if replica.get("node_id"))


def _deployment(details: Mapping[str, Any], pool: PoolSettings) -> Mapping[str, Any] | None:
    application = details["applications"].get(pool.application, {})
    deployment: Mapping[str, Any] | None = application.get("deployments", {}).get(pool.deployment)
    return deployment


def _pool(deployment: Mapping[str, Any]) -> ServedPool:
    replicas = [_replica(replica) for replica in deployment["replicas"] if replica["state"] in _STATES]
    return ServedPool(target=deployment["target_num_replicas"], replicas=tuple(replicas))


def _replica(replica: Mapping[str, Any]) -> ServedReplica:
    return ServedReplica(
        replica=replica["replica_id"],
        state=_STATES[replica["state"]],
        placed=bool(replica.get("pid") or replica.get("node_id")),
        since_s=replica["start_time_s"],
        node=replica.get("node_id") or "",
        actor=replica.get("actor_name") or "",
        recovering=replica["state"] == "RECOVERING",
    )
