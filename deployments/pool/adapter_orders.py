"""The gateway's way to change which adapters the replicas of a pool hold: it asks the fleet controller."""

from __future__ import annotations

from deployments.adapters import AdapterOutcome
from deployments.pool.controller_call import ask

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
        outcome: AdapterOutcome = await ask(self._controller, method, *arguments, within_s, within_s=within_s + GRACE_S)
        return outcome
