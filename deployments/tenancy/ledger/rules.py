"""The arithmetic of accounts, as functions of what they hold and the time; ``rules.lua`` has the same for Redis."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from deployments.tenancy.ledger.lines import Balance, Quota, Rate, Refused, Statement


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One hold's part of a leaky bucket.

    ``empty_us`` is when the bucket would run empty as it stood after the hold's last charge, ``own_us`` how long what
    the hold put in takes to flow out: both bound what can still be taken back.
    """

    empty_us: int = 0
    own_us: int = 0

    def left_us(self, now_us: int) -> int:
        """Return how much of what the hold put in may still be in the bucket: what came first flows out first."""
        return max(0, min(self.own_us, self.empty_us - now_us))


def room(account: Statement, limit: int) -> int:
    """Return what can still be held."""
    return max(0, limit - account.settled - account.reserved - account.overrun)


def reserved(account: Statement, extra: int) -> Statement:
    """Return the account with *extra* more held, or less where it is negative."""
    return replace(account, reserved=account.reserved + extra)


def charged(account: Statement, covered: int, used: int, limit: int) -> tuple[Statement, int]:
    """Return the account after *used* of which *covered* needs no room, and how much it had no room for."""
    within = replace(account, settled=account.settled + min(used, covered))
    excess = max(0, used - covered)
    fits = min(excess, room(within, limit))
    over = excess - fits
    return replace(within, settled=within.settled + fits, overrun=within.overrun + over), over


def corrected(account: Statement, sunk: int, used: int, limit: int) -> tuple[Statement, int]:
    """Return the account after a settlement that came when *sunk* had been charged in its place."""
    taken_back = replace(account, settled=account.settled - sunk)
    return charged(taken_back, sunk, used, limit)


def quota_refusal(line: Quota, extra: int, account: Statement, now_us: int) -> Refused | None:
    """Say why *extra* more cannot be held, None where it can."""
    if extra <= room(account, line.limit):
        return None
    balance = quota_balance(line, account, now_us)
    never = line.amount > line.limit
    return Refused(balance=balance, wait_us=None if never else balance.reset_us, never=never)


def quota_balance(line: Quota, account: Statement, now_us: int) -> Balance:
    """Return what is left of a quota."""
    reset_us = None if line.until_us is None else max(0, line.until_us - now_us)
    return Balance(account=line.account, limit=line.limit, remaining=room(account, line.limit), reset_us=reset_us)


def poured(extra_us: int, empty_us: int, now_us: int) -> int:
    """Return when the bucket will be empty with *extra_us* more in it."""
    return max(empty_us, now_us) + extra_us if extra_us else empty_us


def rate_refusal(line: Rate, extra_us: int, empty_us: int, now_us: int) -> Refused | None:
    """Say why *extra_us* more do not go into the bucket, None where they do."""
    wait_us = poured(extra_us, empty_us, now_us) - now_us - line.burst_us
    if not extra_us or wait_us <= 0:
        return None
    never = line.amount > line.burst
    return Refused(balance=rate_balance(line, empty_us, now_us), wait_us=None if never else wait_us, never=never)


def rate_balance(line: Rate, empty_us: int, now_us: int) -> Balance:
    """Return what may come at once, and when that will be the whole burst again."""
    full_us = max(0, empty_us - now_us)
    left = line.units(line.burst_us - full_us)
    return Balance(account=line.account, limit=line.burst, remaining=min(line.burst, left), reset_us=full_us)


def drained(line: Rate, flow: Flow, used: int, empty_us: int, now_us: int) -> int:
    """Return when the bucket will be empty after a hold of it was settled at *used* units."""
    over_us = line.span_us(used) - line.span_us(line.amount)
    if over_us > 0:
        return max(empty_us, now_us) + over_us
    return empty_us - min(-over_us, flow.left_us(now_us))
