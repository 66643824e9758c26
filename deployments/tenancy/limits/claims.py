"""What one request claims of its limits: from what is configured to lines of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from msgspec.structs import replace as replaced

from deployments.tenancy.ledger.lines import MOST, MOST_FLOW, Line, Quota, Rate
from deployments.tenancy.limits.period import period
from deployments.tenancy.limits.spec import Allotment
from deployments.tenancy.limits.usage import Unit, Usage

Kind = Literal["requests_per_minute", "tokens_per_minute", "concurrent", "calls_per_day", "budget"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One limit that a request comes under: whose it is, what it counts, and the line in the ledger.

    ``model`` is the model whose share of the request is counted, empty for the whole of it. A ``call`` counts as one
    from its admission on, a ``place`` for as long as the request lasts, and units by what was used. How much is left of
    one that is ``shared`` would tell each tenant what the others use.
    """

    whose: str
    kind: Kind
    counts: Literal["call", "place"] | Unit
    line: Line
    model: str = ""
    shared: bool = False

    def held(self, most: Usage, sunk: Usage) -> Line:
        """Return the line that holds room for *most*, of which *sunk* is charged even if nobody settles.

        A rate has no room for what is expected of hardly any request: it would turn those away that fit it.
        """
        if self.counts == "call":
            return _amounts(self.line, 1, 1)
        if self.counts == "place":
            return _amounts(self.line, 1, 0)
        amount = getattr(most, self.counts)
        if isinstance(self.line, Rate) and self.counts == "tokens":
            amount = max(0, amount - most.spare)
        return _amounts(self.line, amount, min(amount, getattr(sunk, self.counts)))

    def used(self, usage: Usage) -> int:
        """Return what to settle for *usage*."""
        if self.counts == "call":
            return 1
        return 0 if self.counts == "place" else int(getattr(usage, self.counts))


def claims(whose: str, allotment: Allotment, now_us: int, model: str = "", *, shared: bool = False) -> Iterator[Claim]:
    """Yield what *allotment* has a request of *whose* claim; times are Unix time in microseconds."""
    line = Quota(account="", amount=0, limit=0)
    blank = Claim(whose=whose, kind="budget", counts="call", line=line, model=model, shared=shared)
    if allotment.requests_per_minute is not None:
        requests = _rate(f"{whose}|requests", allotment.requests_per_minute, allotment)
        yield replace(blank, kind="requests_per_minute", line=requests)
    if allotment.tokens_per_minute is not None:
        tokens = _rate(f"{whose}|tokens", allotment.tokens_per_minute, allotment)
        yield replace(blank, kind="tokens_per_minute", counts="tokens", line=tokens)
    if allotment.concurrent is not None:
        places = Quota(account=f"{whose}|places", amount=0, limit=allotment.concurrent)
        yield replace(blank, kind="concurrent", counts="place", line=places)
    if allotment.calls_per_day is not None:
        yield replace(blank, kind="calls_per_day", line=_calls(whose, allotment.calls_per_day, now_us))
    for budget in allotment.budgets:
        when = period(budget.per, now_us)
        account = f"{whose}|{budget.unit}|{when.name}"
        spent = Quota(account=account, amount=0, limit=budget.limit, until_us=when.until_us)
        yield replace(blank, counts=budget.unit, line=spent)


def _calls(whose: str, limit: int, now_us: int) -> Quota:
    when = period("day", now_us)
    return Quota(account=f"{whose}|calls|{when.name}", amount=0, limit=limit, until_us=when.until_us)


def _rate(account: str, per_minute: int, allotment: Allotment) -> Rate:
    return Rate(account=account, amount=0, per_minute=per_minute, burst=max(1, int(per_minute * allotment.burst)))


def _amounts(line: Line, amount: int, sunk: int) -> Line:
    """Return the line with its amounts; more than a ledger counts is as much as it can never give."""
    most = MOST if isinstance(line, Quota) else MOST_FLOW
    return replaced(line, amount=min(amount, most), sunk=min(sunk, most))
