"""The gateway's way to change which adapters the replicas of a pool hold: it asks the fleet controller."""

from __future__ import annotations

import asyncio
from typing import Any

import ray

from deployments.adapters import AdapterOutcome
from deployments.errors import Rejected

GRACE_S = 15.0


class AdapterOrders:
    """Orders from one fleet controller, given by its name and namespace."""

    def __init__(self, controller: tuple[str, str]) -> None:
        self._controller = controller

    async def load(self, pool: str, adapter: str, path: str, within_s: float) -> AdapterOutcome:
        """Have every replica of *pool* hold *adapter*; raises Rejected where the controller does not answer."""
        return await self._ask("load_adapter", within_s, pool, adapter, path)

    async def unload(self, pool: str, adapter: str, within_s: float) -> AdapterOutcome:
        """Have no replica of *pool* take requests for *adapter*; raises Rejected where the controller is silent."""
        return await self._ask("unload_adapter", within_s, pool, adapter)

    async def _ask(self, method: str, within_s: float, *arguments: str) -> AdapterOutcome:
        name, namespace = self._controller
        try:
            async with asyncio.timeout(within_s + GRACE_S):
                # Looking an actor up blocks its caller, and waits long while the cluster's head is away.
                controller: Any = await asyncio.to_thread(ray.get_actor, name, namespace)
                outcome: AdapterOutcome = await getattr(controller, method).remote(*arguments, within_s)
        except (ray.exceptions.RayError, ValueError, TimeoutError) as error:
            told = "the fleet controller does not answer; it restarts by itself within seconds: ask again"
            raise Rejected(told, retry_after_s=5.0) from error
        return outcome
