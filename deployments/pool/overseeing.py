"""The gateway's way to see what operators watch: it asks the fleet controller."""

from __future__ import annotations

from typing import Any

from deployments.cost.book import Entry
from deployments.errors import Rejected
from deployments.pool.controller_call import KnownController

WITHIN_S = 3.0


class Overseeing:
    """Asks one fleet controller, given by its name and namespace."""

    def __init__(self, controller: tuple[str, str]) -> None:
        self._controller = KnownController(controller)

    async def status(self) -> dict[str, Any]:
        """Return how everything is; raises Rejected where the controller is silent."""
        told: dict[str, Any] = await self._controller.ask("status", within_s=WITHIN_S)
        return told

    async def costs(self, since_hour: int, until_hour: int) -> list[Entry]:
        """Return what is kept of these hours; raises Rejected where that cannot be read now."""
        told: list[Entry] | str = await self._controller.ask("costs", since_hour, until_hour, within_s=WITHIN_S)
        if isinstance(told, str):
            raise Rejected(told)
        return told
