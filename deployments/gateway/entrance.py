"""Who may come in, as the settings of a gateway have it at the moment."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from deployments.gateway.door import Door
from deployments.gateway.settings import GatewaySettings
from deployments.telemetry.logs import event
from deployments.tenancy.accounting.paces import Paces
from deployments.tenancy.assembly import rights_of
from deployments.tenancy.settling import Overran, unheard

TEND_S = 5.0
_CLOSE_S = 5.0


def unix_us() -> int:
    """Return Unix time in microseconds."""
    return time.time_ns() // 1000


class Entrance:
    """Keeps a door where ``access`` is configured, looks after what is held behind it, and changes it when asked to.

    New rights and limits hold at once. A door to other stores takes the place of the one before, which stays until the
    last request that came in by it has ended, and at least for as long as one may take: some may not have got to what
    they hold. *clock* is monotonic, ``now_us`` Unix time in microseconds; ``paces`` are what is known of models' speed,
    for as long as the process lives. *overran* is told of what was used beyond budgets.
    """

    def __init__(
        self, clock: Callable[[], float], now_us: Callable[[], int] = unix_us, overran: Overran = unheard
    ) -> None:
        self.now_us = now_us
        self.paces = Paces()
        self._clock, self._overran = clock, overran
        self._door: Door | None = None
        self._reached_for_s = 0.0
        self._retired: dict[Door, float] = {}
        self._tending: asyncio.Task[None] | None = None
        self._settling: set[asyncio.Task[None]] = set()

    def follow(self, settings: GatewaySettings) -> Door | None:
        """Return the door that *settings* ask for, None where everybody may come in."""
        access = settings.access
        longest_s, self._reached_for_s = max(self._reached_for_s, settings.request_timeout), settings.request_timeout
        if access is None or access.open:
            self._retire(longest_s)
            return None
        rights = rights_of(settings.tenants, access, settings.graph)
        if self._door is not None and self._door.access.same_door(access):
            self._door.rights = rights
            return self._door
        self._retire(longest_s)
        self._door = Door(access, rights, self._clock, self._overran)
        if self._tending is None:
            self._tending = asyncio.get_running_loop().create_task(self._tend(), name="tending what is held")
        return self._door

    def settling(self, task: asyncio.Task[None]) -> None:
        """Look after a settlement until it has come to its end."""
        self._settling.add(task)
        task.add_done_callback(self._settled)

    async def close(self) -> None:
        """Settle what can be settled, and let go of the stores."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait([self._tending])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.gather(*self._settling, return_exceptions=True)
        for door in self._doors():
            await self._tended(door)
            await self._closed(door)

    def _doors(self) -> list[Door]:
        return [*self._retired, *([] if self._door is None else [self._door])]

    def _retire(self, longest_s: float) -> None:
        if self._door is not None:
            self._retired[self._door] = self._clock() + longest_s
            self._door = None

    async def _tend(self) -> None:
        while True:
            for door in self._doors():
                await self._tended(door)
            await asyncio.sleep(TEND_S)
            await self._leave_idle()

    async def _tended(self, door: Door) -> None:
        try:
            await door.tend(self.now_us())
        except Exception as error:  # noqa: BLE001 - holds must go on being renewed, whatever became of one
            event("tending_failed", logging.ERROR, error=error)

    async def _leave_idle(self) -> None:
        now_s = self._clock()
        for door in [door for door, until_s in self._retired.items() if door.idle and until_s <= now_s]:
            del self._retired[door]
            await self._closed(door)

    async def _closed(self, door: Door) -> None:
        try:
            await door.close()
        except Exception as error:  # noqa: BLE001 - one store that does not close keeps no other open
            event("store_not_closed", logging.ERROR, error=error)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._settling.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            event("settlement_failed", logging.ERROR, error=error)
