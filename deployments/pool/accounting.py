"""What a replica keeps of cost, and how that comes to the fleet controller."""

from __future__ import annotations

import asyncio
import logging
import time

from deployments.cost.lines import Statement, Sums
from deployments.cost.spending import Spending
from deployments.engines.base import Engine
from deployments.pool.heartbeat import Heartbeat
from deployments.telemetry.logs import event

SETTLE_S = 1.0
TELL_S = 2.0
METHOD = "report_spending"


class Accounting:
    """Settles the engine's costs once a second and tells them every other; what is not taken is told again.

    A replica that is killed takes with it what it has not told, a few seconds of its own time.
    """

    def __init__(self, pool: str, replica: str, controller: tuple[str, str]) -> None:
        self._pool = pool
        self._spending = Spending(replica)
        self._engine: Engine | None = None
        self._settling: asyncio.Task[None] | None = None
        self._heartbeat = Heartbeat(
            controller, METHOD, self._statement, interval_s=TELL_S, on_answer=self._spending.acknowledged
        )

    def attach(self, engine: Engine) -> None:
        """Have the engine's costs told, from the first on."""
        self._engine = engine
        engine.costs.told_to(self._spending)

    def ready(self, began_s: float) -> None:
        """Note that the replica, which began at *began_s* (Unix time), has an engine that works."""
        self._spending.add("start", self._pool, Sums(seconds=max(0.0, time.time() - began_s)))
        self._settling = asyncio.create_task(self._settle_for_ever(), name="settle costs")

    def flush(self) -> None:
        """Tell what there is, a few seconds at most; blocks."""
        self._heartbeat.close(last=True)

    async def close(self) -> None:
        """Settle for the last time and tell it, a few seconds at most."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait([self._settling])
        self.settle()
        await asyncio.to_thread(self.flush)

    def settle(self) -> None:
        """Take note of everything up to now."""
        if self._engine is not None:
            self._engine.costs.settle()

    async def _settle_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_S)
            try:
                self.settle()
            except Exception as error:  # noqa: BLE001 - the next second is told all the same
                event("costs_not_settled", logging.ERROR, pool=self._pool, error=error)

    def _statement(self) -> Statement:
        return self._spending.statement()
