"""Ask Serve which replicas it has and how many it is steering to."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

import ray
from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE

from autoscale.pools import PoolSettings
from autoscale.served import Served, ServedPool, ServedReplica, ServedState

log = logging.getLogger(__name__)

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


def served(details: Mapping[str, Any], pools: Iterable[PoolSettings], *, at_s: float) -> Served:
    """Pick the pools out of what Serve says about all its applications."""
    found = {pool.name: _deployment(details, pool) for pool in pools}
    return Served(at_s=at_s, pools={name: _pool(details) for name, details in found.items() if details is not None})


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
    )
