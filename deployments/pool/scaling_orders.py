"""The gateway's way to look at scaling and to steer it: it asks the fleet controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.pool.controller_call import ask

WITHIN_S = 15.0


class ScalingOrders:
    """Orders from one fleet controller, given by its name and namespace."""

    def __init__(self, controller: tuple[str, str]) -> None:
        self._controller = controller

    async def explain(self, pool: str) -> dict[str, Any]:
        """Say why *pool* has its size, or with "" how all are; raises Rejected where the controller is silent."""
        told: dict[str, Any] = await ask(self._controller, "explain", pool, within_s=WITHIN_S)
        return told

    async def order(self, action: str, fields: Mapping[str, Any]) -> str:
        """Approve, reject, pin or unpin; return why not, "" where it is done."""
        refused: str = await ask(self._controller, "steer_scaling", action, dict(fields), within_s=WITHIN_S)
        return refused
