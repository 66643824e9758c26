"""The steps of a ledger over the books that hold it: each one reads what it needs, decides, and writes all or nothing.

Whoever calls these makes a step atomic. ``posting.lua`` has the same steps for Redis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from deployments.tenancy.ledger import rules
from deployments.tenancy.ledger.books import Books, Hold, Part
from deployments.tenancy.ledger.lines import (
    Balance,
    Granted,
    Line,
    Lost,
    Quota,
    Rate,
    Refused,
    Settled,
    distinct,
)
from deployments.tenancy.ledger.rules import Flow
from deployments.tenancy.ledger.store import DUE_AT_ONCE, LAPSED_US, SETTLED_US


def reserve(books: Books, name: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
    """Open a hold, or extend it where it is open already."""
    known = _current(books, name, now_us)
    if known is None:
        return _take(books, name, (), lines, now_us, lease_us)
    return Lost() if known.state != "open" else _take(books, name, known.parts, lines, now_us, lease_us)


def extend(books: Books, name: str, lines: Sequence[Line], now_us: int, lease_us: int) -> Granted | Refused | Lost:
    """Raise an open hold and begin its lease anew."""
    known = _current(books, name, now_us)
    if known is None or known.state != "open":
        return Lost()
    return _take(books, name, known.parts, lines, now_us, lease_us)


def settle(books: Books, name: str, used: Mapping[str, int], now_us: int) -> Settled:
    """Close a hold at what was used."""
    known = _current(books, name, now_us)
    if known is None:
        return Settled(known=False)
    if known.state == "settled":
        return Settled(again=True)
    late = known.state == "lapsed"
    overrun = {}
    for part in known.parts:
        account = part.line.account
        if over := _close(books, part, used.get(account, 0), now_us, late=late):
            overrun[account] = over
    books.put_hold(name, Hold(state="settled", due_us=now_us + SETTLED_US))
    return Settled(late=late, overrun=overrun)


def lapse(books: Books, now_us: int, most: int = DUE_AT_ONCE) -> None:
    """Give back what is held beyond its lease, and forget what was long over."""
    for name in books.due(now_us, most):
        hold = books.hold(name)
        if hold is None or hold.state != "open":
            books.forget(name)
        else:
            _lapse(books, name, hold, now_us)


def _current(books: Books, name: str, now_us: int) -> Hold | None:
    lapse(books, now_us)
    hold = books.hold(name)
    if hold is not None and hold.state == "open" and hold.due_us <= now_us:
        return _lapse(books, name, hold, now_us)
    return hold


def _lapse(books: Books, name: str, hold: Hold, now_us: int) -> Hold:
    for part in hold.parts:
        _close(books, part, part.line.sunk, now_us, late=False)
    lapsed = Hold(state="lapsed", due_us=now_us + LAPSED_US, parts=hold.parts)
    books.put_hold(name, lapsed)
    return lapsed


def _take(
    books: Books, name: str, parts: Sequence[Part], lines: Sequence[Line], now_us: int, lease_us: int
) -> Granted | Refused:
    held = {part.line.account: part for part in parts}
    wanted = [_wanted(line, held.get(line.account)) for line in distinct(lines)]
    for line, before in wanted:
        if (refused := _refusal(books, line, before, now_us)) is not None:
            return refused
    balances = []
    for line, before in wanted:
        held[line.account], balance = _hold(books, line, before, now_us)
        balances.append(balance)
    books.put_hold(name, Hold(state="open", due_us=now_us + lease_us, parts=tuple(held.values())))
    return Granted(balances=tuple(balances))


def _wanted(line: Line, before: Part | None) -> tuple[Line, Part]:
    """Return what the line comes to, and what of it there was before."""
    if before is None:
        return line, Part(line=msgspec.structs.replace(line, amount=0, sunk=0))
    return line.raised(before.line.amount, before.line.sunk), before


def _refusal(books: Books, line: Line, before: Part, now_us: int) -> Refused | None:
    if isinstance(line, Quota):
        extra = line.amount - before.line.amount
        return rules.quota_refusal(line, extra, books.quota(line.account), now_us) if extra else None
    return rules.rate_refusal(line, _extra_us(line, before), books.rate(line.account), now_us)


def _hold(books: Books, line: Line, before: Part, now_us: int) -> tuple[Part, Balance]:
    if isinstance(line, Quota):
        account = rules.reserved(books.quota(line.account), line.amount - before.line.amount)
        books.put_quota(line.account, account, line.until_us)
        return Part(line=line), rules.quota_balance(line, account, now_us)
    extra_us = _extra_us(line, before)
    empty_us = rules.poured(extra_us, books.rate(line.account), now_us)
    books.put_rate(line.account, empty_us)
    flow = Flow(empty_us=empty_us, own_us=before.flow.left_us(now_us) + extra_us) if extra_us else before.flow
    return Part(line=line, flow=flow), rules.rate_balance(line, empty_us, now_us)


def _extra_us(line: Rate, before: Part) -> int:
    return line.span_us(line.amount) - line.span_us(before.line.amount)


def _close(books: Books, part: Part, used: int, now_us: int, *, late: bool) -> int:
    """Settle one line and return its overrun."""
    line = part.line
    if isinstance(line, Rate):
        # What a lapsed hold put into a bucket has flowed out, or been taken back, when anybody comes so late.
        if not late:
            books.put_rate(line.account, rules.drained(line, part.flow, used, books.rate(line.account), now_us))
        return 0
    account = books.quota(line.account)
    if late:
        account, over = rules.corrected(account, line.sunk, used, line.limit)
    else:
        account, over = rules.charged(rules.reserved(account, -line.amount), line.amount, used, line.limit)
    books.put_quota(line.account, account, line.until_us)
    return over
