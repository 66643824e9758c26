"""One question of a gateway to the fleet controller."""

from __future__ import annotations

import asyncio
from typing import Any

import ray

from deployments.errors import Rejected


async def ask(controller: tuple[str, str], method: str, *arguments: Any, within_s: float) -> Any:
    """Return what the controller, given by its name and namespace, answers; raises Rejected where it is silent."""
    name, namespace = controller
    try:
        async with asyncio.timeout(within_s):
            # Looking an actor up blocks its caller, and waits long while the cluster's head is away.
            actor: Any = await asyncio.to_thread(ray.get_actor, name, namespace)
            return await getattr(actor, method).remote(*arguments)
    except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
        told = "the fleet controller does not answer; it restarts by itself within seconds: ask again"
        raise Rejected(told, retry_after_s=5.0) from error
