"""What a ledger does, wherever it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from deployments.tenancy.ledger.lines import Granted, Line, Lost, Refused, Settled, Statement

# How long a hold is remembered that lapsed, so that a late settlement corrects it, and one that was settled, so that
# a repeated settlement is known for what it is: one that comes later still changes nothing either.
LAPSED_US = 86_400_000_000
SETTLED_US = 600_000_000
# How long an account is kept after its period, for whoever asks what was used.
KEPT_US = 400 * 86_400_000_000
# Holds whose time is over and that one call looks after; more than one call begins, so that none are left behind.
DUE_AT_ONCE = 16
ALL_DUE = 100_000


class Ledger(Protocol):
    """Holds and settles amounts. Each call is one atomic step; times are Unix time in microseconds, given by callers.

    A hold is open for its lease. Then everything is given back but what is sunk, by whichever call comes next, so what
    a killed process held returns by itself. Callers' clocks may differ by much less than a lease. Every call raises
    StoreAwayError where the store does not answer in time: a call that failed so may have been carried out or not, and
    may be repeated with the same hold.
    """

    async def reserve(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
        """Open a hold of every line, or of none; one that is open already is extended, one that was closed is lost."""
        ...

    async def extend(self, hold: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
        """Raise an open hold to the amounts of *lines*, all or none, and begin its lease anew.

        Lines whose account the hold has are never lowered, neither in amount nor in what is sunk; others are added.
        Those not named stay. Where it is refused the hold is as it was, its lease included.
        """
        ...

    async def settle(self, hold: str, used: Mapping[str, int], now_us: int) -> Settled:
        """Close a hold at what was really *used* by account, nothing where an account is not named.

        More than was held is charged as far as the account has room for it, and the rest is an overrun. The same holds
        for a settlement after the lease: what was sunk is corrected to what was used, down or up.
        """
        ...

    async def statement(self, account: str, now_us: int) -> Statement:
        """Return a quota's account, with everything given back whose time is over."""
        ...
