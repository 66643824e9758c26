"""The gateway's way to have all gateways forget answers: it asks the fleet controller."""

from __future__ import annotations

from deployments.answers.orders import By, Forgotten
from deployments.pool.controller_call import ask

GRACE_S = 15.0


class ForgettingOrders:
    """Orders from one fleet controller, given by its name and namespace."""

    def __init__(self, controller: tuple[str, str]) -> None:
        self._controller = controller

    async def forget(self, by: By, name: str, within_s: float) -> Forgotten:
        """Have every gateway forget; raises Rejected where the controller does not answer."""
        found: Forgotten = await ask(
            self._controller, "forget_answers", by, name, within_s, within_s=within_s + GRACE_S
        )
        return found
