"""One admitted request: what it holds, what it has used, and the settlement of both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from deployments.errors import ServingError, StoreUnavailable
from deployments.tenancy.identity import Identity
from deployments.tenancy.ledger.lines import MOST, Granted, Line, Lost, Quota, Refused
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.limits.claims import Claim
from deployments.tenancy.limits.headers import ratelimit_headers
from deployments.tenancy.limits.refusal import refusal
from deployments.tenancy.limits.usage import NOTHING, Usage
from deployments.tenancy.stores.away import StoreAwayError

# A request writes ahead what it is about to use, an eighth of what it may come to at a time: a killed gateway is
# charged for an eighth too much at most, and the store is asked eight times a request at most.
PARTS = 8
# As much of a lease must be left for a request to go on while the store is away.
_LEAST_LEFT = 0.1
_WHOLE = ""
Step = Callable[[str, Sequence[Line], int, int], Awaitable[Granted | Refused | Lost]]
_ENDLESS: Mapping[str, int] = dict.fromkeys(("tokens", "cost", "compute"), MOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """How long holds last that nobody renews, in microseconds."""

    us: int = 120_000_000

    def due(self, until_us: int, now_us: int) -> bool:
        """Say whether it is time to renew: with two thirds left a store may be away for a while."""
        return until_us - now_us < self.us * 2 // 3

    def safe(self, until_us: int, now_us: int) -> bool:
        """Say whether the hold is certainly there still."""
        return until_us - now_us > self.us * _LEAST_LEFT


class Grant:
    """What one request holds in *ledger*, under the name *hold*; made by a ``Gatekeeper``.

    *most* is what it may come to. Times are Unix time in microseconds. A grant without claims holds nothing, and every
    call of it returns at once. ``headers`` tell the client of its limits as the last step found them.
    """

    def __init__(
        self, who: Identity, ledger: Ledger, hold: str, lease: Lease,
        claims: Iterable[Claim] = (), most: Usage = NOTHING,
    ) -> None:  # fmt: skip
        self.who, self.hold = who, hold
        self.headers: Mapping[str, str] = {}
        self.settled = False
        self._ledger, self._lease = ledger, lease
        self.claims = list(claims)
        self._asked, self._most = most, {_WHOLE: most}
        self._used: dict[str, Usage] = {}
        self._sunk: dict[str, int] = {}
        self._marks: dict[str, Usage] = {}
        self._held: dict[str, int] = {}
        self._until_us = 0
        self._one_at_a_time = asyncio.Lock()

    @property
    def counted(self) -> bool:
        """Say whether anything is held at all."""
        return bool(self.claims)

    async def open(self, now_us: int) -> None:
        """Hold what the claims come to; raises RateLimited or BudgetExhausted."""
        await self._extend(self.claims, now_us, ahead=True)

    async def enter(self, model: str, claims: Iterable[Claim], most: Usage, now_us: int) -> Branch:
        """Hold what reaching *model* comes to, before a branch goes there; raises as ``open`` does.

        *most* is what this branch alone may come to. A request that comes to a model again, by a hedge or a retry,
        holds that much more; where the whole of what it holds would not do any more, that grows with it. Where it does
        still, the ledger is not asked.
        """
        async with self._one_at_a_time:
            before = dict(self._most)
            self._expect(model, self._most.get(model, NOTHING) + most)
            known = {claim.line.account for claim in self.claims}
            all_claims = [*self.claims, *(claim for claim in claims if claim.line.account not in known)]
            if self._holds(all_claims) and not self._lease.due(self._until_us, now_us):
                return Branch(self, model, most)
            try:
                await self._extend(all_claims, now_us, ahead=True)
            except BaseException:
                self._most = before
                raise
        return Branch(self, model, most)

    def leave(self, model: str, unused: Usage) -> None:
        """Let a branch's *unused* part do for the next one."""
        self._expect(model, self._most.get(model, NOTHING).without(unused))

    def note(self, usage: Usage, model: str = _WHOLE, instead_of: Usage = NOTHING) -> None:
        """Take note of *usage*, and of *instead_of*, which was noted before, no longer; nothing is held for it here."""
        for name in (_WHOLE, model) if model else (_WHOLE,):
            self._used[name] = self._used.get(name, NOTHING).without(instead_of) + usage

    async def spend(self, usage: Usage, now_us: int, model: str = _WHOLE, instead_of: Usage = NOTHING) -> None:
        """Take note of *usage* before what was made by it goes further; returns at once where what is held covers it.

        Raises BudgetExhausted or RateLimited where it came to more than was held and there is no more, and
        StoreUnavailable where the hold may be lost: the answer must end there.
        """
        self.note(usage, model, instead_of)
        if not self._covered(now_us):
            async with self._one_at_a_time:
                if not self._covered(now_us):
                    await self._cover(now_us)

    async def renew(self, now_us: int) -> None:
        """Keep the hold from lapsing while nothing is spent; raises as ``spend`` does."""
        await self.spend(NOTHING, now_us)

    def totals(self) -> Mapping[str, int]:
        """Return what to settle, by account."""
        return {claim.line.account: claim.used(self._usage(claim)) for claim in self.claims}

    def _covered(self, now_us: int) -> bool:
        if self.settled or not self.claims:
            return True
        if self._lease.due(self._until_us, now_us):
            return False
        return all(self._used.get(model, NOTHING).within(mark) for model, mark in self._marks.items())

    async def _cover(self, now_us: int) -> None:
        try:
            # Only what grows is told to the ledger; the lease is the whole hold's.
            growing = [claim for claim in self._firm() if claim.counts in _ENDLESS]
            try:
                await self._step(self._ledger.extend, growing, now_us, ahead=True)
            except ServingError:
                # What lies ahead is no reason to end here, as long as what was used is covered.
                await self._step(self._ledger.extend, growing, now_us, ahead=False)
            self._marks = self._least()
        except StoreAwayError as error:
            if not (self._lease.safe(self._until_us, now_us) and self._within()):
                raise StoreUnavailable("the store of budgets does not answer, and the request has outlived its hold") \
                    from error  # fmt: skip

    def _holds(self, claims: Iterable[Claim]) -> bool:
        """Say whether all that *claims* come to is held already."""
        return all(self._line(claim, ahead=False).amount <= self._held.get(claim.line.account, -1) for claim in claims)

    def _within(self) -> bool:
        """Say whether what was used is no more than what is held, whatever of it is written down."""
        return all(claim.used(self._usage(claim)) <= self._held[claim.line.account] for claim in self._firm())

    def _firm(self) -> Iterator[Claim]:
        """Yield the claims that nothing is used beyond; a rate that was estimated too low is paid for afterwards."""
        return (claim for claim in self.claims if isinstance(claim.line, Quota))

    async def _extend(self, claims: list[Claim], now_us: int, *, ahead: bool) -> None:
        """Hold what *claims* come to, which are the request's from then on."""
        # A request that nothing was held for until now has no hold yet that could be extended.
        step = self._ledger.extend if self._until_us else self._ledger.reserve
        granted = await self._step(step, claims, now_us, ahead=ahead) if claims else Granted()
        self.claims = claims
        self._marks = self._least()
        self.headers = ratelimit_headers(zip(claims, granted.balances, strict=True))

    async def _step(self, step: Step, claims: list[Claim], now_us: int, *, ahead: bool) -> Granted:
        lines = [self._line(claim, ahead=ahead) for claim in claims]
        answer = await step(self.hold, lines, now_us, self._lease.us)
        if isinstance(answer, Lost):
            raise StoreUnavailable("the request's hold on its budget was lost")
        if isinstance(answer, Refused):
            which = next(claim for claim in claims if claim.line.account == answer.balance.account)
            self.headers = ratelimit_headers([(which, answer.balance)])
            raise refusal(which, answer)
        self._until_us = now_us + self._lease.us
        for line in lines:
            self._held[line.account] = max(line.amount, self._held.get(line.account, 0))
            self._sunk[line.account] = max(line.sunk, self._sunk.get(line.account, 0))
        return answer

    def _least(self) -> dict[str, Usage]:
        """Return, by model, what may be used before more has to be written ahead: frames ask, so it is kept."""
        marks = {claim.model: dict(_ENDLESS) for claim in self._firm()}
        for claim in self._firm():
            if claim.counts in _ENDLESS:
                mark = marks[claim.model]
                mark[claim.counts] = min(mark[claim.counts], self._sunk[claim.line.account])
        return {model: Usage(**mark) for model, mark in marks.items()}

    def _line(self, claim: Claim, *, ahead: bool) -> Line:
        most, used = self._most.get(claim.model, NOTHING), self._usage(claim)
        mark = used + _part(_larger(most, used)) if ahead else used
        return claim.held(_enough(most, used, mark) if isinstance(claim.line, Quota) else most, mark)

    def _usage(self, claim: Claim) -> Usage:
        return self._used.get(claim.model, NOTHING)

    def _expect(self, model: str, most: Usage) -> None:
        self._most[model] = most
        models = sum((most for model, most in self._most.items() if model), NOTHING)
        self._most[_WHOLE] = _larger(self._asked, models)


class Branch:
    """One way of a request to a model: what it spends is the request's, and what it leaves another branch may use."""

    def __init__(self, grant: Grant, model: str, most: Usage = NOTHING) -> None:
        self._grant, self._model, self._most = grant, model, most
        self._used = NOTHING

    async def spend(self, usage: Usage, now_us: int) -> None:
        """Take note of *usage*; as ``Grant.spend``."""
        self._used += usage
        await self._grant.spend(usage, now_us, self._model)

    async def reach(self, total: Usage, now_us: int) -> None:
        """Take note that the branch has used *total* until now, be that less than was noted; as ``Grant.spend``."""
        before, self._used = self._used, total
        await self._grant.spend(total, now_us, self._model, instead_of=before)

    def correct(self, total: Usage) -> None:
        """Take note of what the branch has used in the end, for the settlement to charge."""
        self._grant.note(total, self._model, instead_of=self._used)
        self._used = total

    def leave(self) -> None:
        """End the branch, whatever became of it; a second time is no more than the first."""
        self._grant.leave(self._model, self._most.without(self._used))
        self._most = NOTHING


def _larger(one: Usage, other: Usage) -> Usage:
    return Usage(
        tokens=max(one.tokens, other.tokens),
        cost=max(one.cost, other.cost),
        compute=max(one.compute, other.compute),
        spare=one.spare if one.tokens >= other.tokens else other.spare,
    )


def _enough(most: Usage, used: Usage, mark: Usage) -> Usage:
    """Return *most*, and *mark* of what came to more than that already."""
    return Usage(
        tokens=most.tokens if used.tokens <= most.tokens else mark.tokens,
        cost=most.cost if used.cost <= most.cost else mark.cost,
        compute=most.compute if used.compute <= most.compute else mark.compute,
    )


def _part(most: Usage) -> Usage:
    return Usage(tokens=-(-most.tokens // PARTS), cost=-(-most.cost // PARTS), compute=-(-most.compute // PARTS))
