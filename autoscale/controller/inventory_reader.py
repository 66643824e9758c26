"""Ask Ray which machines there are, beside the control loop: what a slow answer delays is only the next count."""

from __future__ import annotations

import asyncio
import logging
import time

import ray

from autoscale.controller.machines import Machines, machines

log = logging.getLogger(__name__)


async def read_machines(deadline_s: float) -> Machines | None:
    """Return the machines that Ray knows, ``None`` when it does not answer within *deadline_s*."""
    try:
        async with asyncio.timeout(deadline_s):
            nodes = await asyncio.to_thread(ray.nodes)
    except (TimeoutError, RuntimeError, ray.exceptions.RayError) as error:
        log.warning("machines_unknown reason=%s", error or type(error).__name__)
        return None
    return machines(nodes, at_s=time.time())
