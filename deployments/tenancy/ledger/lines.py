"""What one request takes from its accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

# Redis computes in binary fractions of 53 bits: within these bounds every sum, and every product below, is whole.
MOST = 2**50
MOST_FLOW = 10**8
MINUTE_US = 60_000_000


class Quota(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="quota"):
    """A part of a fixed amount: what was settled and what is held never come to more than *limit*.

    Of the *amount* held, *sunk* is charged where nobody ever settles it. The account may be forgotten some time after
    *until_us*, when its period is over; None keeps it for good. Times are Unix time in microseconds.
    """

    account: str
    amount: int
    limit: int
    sunk: int = 0
    until_us: int | None = None

    def __post_init__(self) -> None:
        _check(self.account, MOST, amount=self.amount, limit=self.limit, sunk=self.sunk)

    def raised(self, amount: int, sunk: int) -> Quota:
        """Return the line with no less than *amount* and *sunk*."""
        return msgspec.structs.replace(self, amount=max(self.amount, amount), sunk=max(self.sunk, sunk))


class Rate(msgspec.Struct, frozen=True, kw_only=True, array_like=True, tag="rate"):
    """A share of a flow: *burst* units at once and *per_minute* over time.

    The account is a leaky bucket, kept as the moment at which it will be empty (the generic cell rate algorithm, ITU-T
    I.371): no 60 seconds see more than *per_minute* + *burst* units.
    """

    account: str
    amount: int
    per_minute: int
    burst: int
    sunk: int = 0

    def __post_init__(self) -> None:
        _check(self.account, MOST_FLOW, amount=self.amount, burst=self.burst, sunk=self.sunk)
        if not 0 < self.per_minute <= MOST_FLOW:
            raise ValueError(f"{self.account}: per_minute is not in 1..{MOST_FLOW}")

    def raised(self, amount: int, sunk: int) -> Rate:
        """Return the line with no less than *amount* and *sunk*."""
        return msgspec.structs.replace(self, amount=max(self.amount, amount), sunk=max(self.sunk, sunk))

    @property
    def burst_us(self) -> int:
        """Return how long the full bucket takes to run empty."""
        return self.span_us(self.burst)

    def span_us(self, units: int) -> int:
        """Return how long *units* take to flow out, rounded up."""
        return -(-min(units, MOST_FLOW) * MINUTE_US // self.per_minute)

    def units(self, span_us: int) -> int:
        """Return how many whole units flow out in *span_us*."""
        return max(0, span_us) * self.per_minute // MINUTE_US


Line = Quota | Rate


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of an account, and when that will be all of it again; None where nothing but settling helps."""

    account: str
    limit: int
    remaining: int
    reset_us: int | None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """Everything asked for is held; ``balances`` are in the order of the lines."""

    balances: tuple[Balance, ...] = ()


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was taken, because ``balance`` does not allow it.

    ``wait_us`` is when it may, if nobody else comes: None where that depends on others, or where it ``never`` will.
    """

    balance: Balance
    wait_us: int | None
    never: bool = False


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """The hold is not open any more: its lease ran out, or it was settled."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What a settlement came to.

    ``late`` says that the lease had run out before. ``overrun`` is, by account, what was used and nothing held covered
    nor the account had room for: it is no part of what is settled, and takes the place of further requests. A hold that
    was settled before is ``again``, one that nobody knows (any more) not ``known``; neither changes anything.
    """

    known: bool = True
    late: bool = False
    again: bool = False
    overrun: Mapping[str, int] = {}


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One quota's account: used for good, held for the moment, and used beyond all that was held."""

    settled: int = 0
    reserved: int = 0
    overrun: int = 0


def distinct(lines: Sequence[Line]) -> Sequence[Line]:
    """Return *lines*; raises ValueError where two are of one account."""
    if len({line.account for line in lines}) != len(lines):
        raise ValueError("two lines of one hold are of the same account")
    return lines


def _check(account: str, most: int, **amounts: int) -> None:
    for name, value in amounts.items():
        if not 0 <= value <= most:
            raise ValueError(f"{account}: {name} is not in 0..{most}")
    if amounts["sunk"] > amounts["amount"]:
        raise ValueError(f"{account}: sunk is more than amount")
