"""Settlements: what becomes of one that the store does not take, and who hears of what was used beyond a budget."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from deployments.telemetry.logs import event
from deployments.tenancy.ledger.lines import Settled
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.stores.away import StoreAwayError

Overran = Callable[[str, int], None]
_MOST_UNSETTLED = 10_000


def unheard(unit: str, amount: int) -> None:
    """Tell nobody of an overrun."""


class Settling:
    """Closes holds in *ledger*, those that it could not close again later.

    ``overran`` is told the unit and the amount of what was used beyond all that was held and all that was left.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.overran: Overran = unheard
        self._ledger = ledger
        self._unsettled: dict[str, Mapping[str, int]] = {}

    def __len__(self) -> int:
        """Return how many are to be closed still."""
        return len(self._unsettled)

    async def close(self, hold: str, used: Mapping[str, int], now_us: int) -> Settled | None:
        """Close a hold at what was *used*; None where the store is away, and ``again`` does it later."""
        try:
            return await self._close(hold, used, now_us)
        except StoreAwayError:
            self.later(hold, used)
            return None
        except asyncio.CancelledError:
            # It may have been done or not, and doing it twice is doing it once.
            self.later(hold, used)
            raise

    def later(self, hold: str, used: Mapping[str, int]) -> None:
        """Remember a settlement; of too many the oldest is left to its lease, which charges what was written ahead."""
        self._unsettled[hold] = used
        if len(self._unsettled) > _MOST_UNSETTLED:
            del self._unsettled[next(iter(self._unsettled))]

    async def again(self, now_us: int) -> None:
        """Close what could not be closed before, until the store does not answer."""
        for hold, used in list(self._unsettled.items()):
            try:
                await self._close(hold, used, now_us)
            except StoreAwayError:
                break
            self._unsettled.pop(hold, None)

    async def _close(self, hold: str, used: Mapping[str, int], now_us: int) -> Settled:
        """Settle, and tell of what was not charged: there was no room for it, or nobody knows the hold any more."""
        settled = await self._ledger.settle(hold, used, now_us)
        for account, amount in settled.overrun.items():
            event("budget_overrun", logging.WARNING, account=account, amount=amount, hold=hold)
            self.overran(account.rsplit("|", 2)[1], amount)
        if not settled.known and any(used.values()):
            event("settlement_lost", logging.WARNING, hold=hold, used=dict(used))
        return settled
