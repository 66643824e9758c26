"""Gather what the operator's page shows: what gateways count, and what the fleet controller says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from deployments.cost.book import Entry
from deployments.cost.lines import HOUR_S
from deployments.errors import ServingError
from deployments.gateway.gateway import Gateway
from deployments.page.feed import Feed
from deployments.page.readings import NAMES, read
from deployments.page.snapshot import cost_table, snapshot
from deployments.page.traffic import Window
from deployments.telemetry.logs import event

COST_HOURS = 24
COSTS_EVERY_S = 15.0
WITHIN_S = 5.0


class Overseer(Protocol):
    """Says how the fleet is and what it cost; raises a ServingError while nobody answers."""

    async def status(self) -> Mapping[str, Any]: ...

    async def costs(self, since_hour: int, until_hour: int) -> list[Entry]: ...


def page_feed(gateway: Gateway, overseer: Overseer) -> Feed:
    """Return what pages watch, one for all ports of a gateway."""
    return Feed(Watching(gateway, overseer).snapshot)


class Watching:
    """Makes one snapshot whenever it is asked; what cannot be had is left out, and the page says so."""

    def __init__(self, gateway: Gateway, overseer: Overseer) -> None:
        self._gateway, self._overseer = gateway, overseer
        self._window = Window()
        self._costs: dict[str, Any] | None = None
        self._costs_due_s = 0.0

    async def snapshot(self) -> bytes:
        """Return the snapshot of now as JSON; never raises."""
        try:
            return await self._made()
        except Exception as error:  # noqa: BLE001 - the page goes on, and whoever watches it sees that it stands still
            event("page_failed", logging.ERROR, error=error)
            return b"{}"

    async def _made(self) -> bytes:
        gateway = self._gateway
        _, (status, fault), _ = await asyncio.gather(self._count(), self._status(), self._cost())
        verdict = gateway.readiness()
        told = {
            "name": gateway.name,
            "ready": verdict.ready,
            "reason": verdict.reason,
            "since_s": gateway.started_at_s,
            "settings": gateway.live.fingerprint,
        }
        at_s, view, costs = gateway.utc_now().timestamp(), gateway.view(), self._costs

        def put_together() -> bytes:
            edges = self._window.traffic()
            return msgspec.json.encode(
                snapshot(at_s, gateway=told, edges=edges, status=status, view=view, costs=costs, fault=fault)
            )

        # Some milliseconds that requests need not wait for.
        return await asyncio.to_thread(put_together)

    async def _count(self) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                samples = await self._gateway.exposition.samples(NAMES)
        except TimeoutError:
            return  # what was counted stays, and the rest goes on
        reading = await asyncio.to_thread(read, samples, self._gateway.name)
        self._window.add(self._gateway.clock(), reading)

    async def _status(self) -> tuple[Mapping[str, Any] | None, str]:
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._overseer.status(), ""
        except (ServingError, TimeoutError) as error:
            return None, str(error) or "the fleet controller does not answer in time"

    async def _cost(self) -> None:
        now_s = self._gateway.clock()
        if now_s < self._costs_due_s:
            return
        self._costs_due_s = now_s + COSTS_EVERY_S
        until = int(self._gateway.utc_now().timestamp() // HOUR_S) + 1
        try:
            async with asyncio.timeout(WITHIN_S):
                entries = await self._overseer.costs(until - COST_HOURS, until)
        except TimeoutError:
            return  # what was known stays; the controller's silence is told already
        except ServingError as error:
            self._costs = {**(self._costs or {"hours": COST_HOURS, "tenants": []}), "fault": error.message}
            return
        self._costs = cost_table(entries, COST_HOURS, self._gateway.live.settings.currency)
