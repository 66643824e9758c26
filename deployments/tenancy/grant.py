"""One admitted request: what it holds in the ledger from its admission to its settlement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from deployments.errors import ServingError, StoreUnavailable
from deployments.tenancy.branch import Branch
from deployments.tenancy.holding import WHOLE, Holding
from deployments.tenancy.identity import Identity
from deployments.tenancy.lease import Lease
from deployments.tenancy.ledger.lines import Granted, Line, Lost, Refused
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.limits.claims import Claim
from deployments.tenancy.limits.headers import ratelimit_headers
from deployments.tenancy.limits.refusal import refusal
from deployments.tenancy.limits.usage import NOTHING, Usage
from deployments.tenancy.stores.away import StoreAwayError

Step = Callable[[str, Sequence[Line], int, int], Awaitable[Granted | Refused | Lost]]


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
        self._holding = Holding(claims, most)
        self._ahead: dict[str, Usage] = {}
        self._until_us = 0
        self._one_at_a_time = asyncio.Lock()

    @property
    def claims(self) -> Sequence[Claim]:
        """Return the limits that the request comes under so far."""
        return self._holding.claims

    @property
    def counted(self) -> bool:
        """Say whether anything is held at all."""
        return bool(self.claims)

    async def open(self, now_us: int, ahead: Mapping[str, Usage] = MappingProxyType({})) -> None:
        """Hold what the claims come to, and for the first branch to a model what is known *ahead* of it.

        Raises RateLimited or BudgetExhausted.
        """
        self._ahead = dict(ahead)
        for model, most in ahead.items():
            self._holding.expect(model, most)
        await self._extend(self._holding.claims, now_us)

    async def enter(self, model: str, claims: Iterable[Claim], most: Usage, now_us: int) -> Branch:
        """Hold what reaching *model* comes to, before a branch goes there; raises as ``open`` does.

        *most* is what this branch alone may come to. A request that comes to a model again, by a hedge or a retry,
        holds that much more; where the whole of what it holds would not do any more, that grows with it. Where it does
        still, the ledger is not asked.
        """
        async with self._one_at_a_time:
            holding = self._holding
            before, ahead = dict(holding.expected), self._ahead.pop(model, NOTHING)
            holding.expect(model, holding.of(model).without(ahead) + most)
            known = {claim.line.account for claim in self.claims}
            all_claims = [*self.claims, *(claim for claim in claims if claim.line.account not in known)]
            if holding.holds(all_claims) and not self._lease.due(self._until_us, now_us):
                return Branch(self, model, most)
            try:
                await self._extend(all_claims, now_us)
            except BaseException:
                holding.expected = before
                if ahead is not NOTHING:
                    self._ahead[model] = ahead
                raise
        return Branch(self, model, most)

    def leave(self, model: str, unused: Usage) -> None:
        """Let a branch's *unused* part do for the next one."""
        self._holding.expect(model, self._holding.of(model).without(unused))

    def note(self, usage: Usage, model: str = WHOLE, instead_of: Usage = NOTHING) -> None:
        """Take note of *usage*, and of *instead_of*, which was noted before, no longer; nothing is held for it here."""
        self._holding.note(usage, model, instead_of)

    async def spend(self, usage: Usage, now_us: int, model: str = WHOLE, instead_of: Usage = NOTHING) -> None:
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
        return self._holding.totals()

    def _covered(self, now_us: int) -> bool:
        if self.settled or not self.claims:
            return True
        return not self._lease.due(self._until_us, now_us) and self._holding.marked()

    async def _cover(self, now_us: int) -> None:
        try:
            # Only what grows is told to the ledger; the lease is the whole hold's.
            growing = list(self._holding.growing())
            try:
                await self._step(self._ledger.extend, growing, now_us, ahead=True)
            except ServingError:
                # What lies ahead is no reason to end here, as long as what was used is covered.
                await self._step(self._ledger.extend, growing, now_us, ahead=False)
            self._holding.mark()
        except StoreAwayError as error:
            if not (self._lease.safe(self._until_us, now_us) and self._holding.within()):
                raise StoreUnavailable("the store of budgets does not answer, and the request has outlived its hold") \
                    from error  # fmt: skip

    async def _extend(self, claims: list[Claim], now_us: int) -> None:
        """Hold what *claims* come to, which are the request's from then on."""
        # A request that nothing was held for until now has no hold yet that could be extended.
        step = self._ledger.extend if self._until_us else self._ledger.reserve
        granted = await self._step(step, claims, now_us, ahead=True) if claims else Granted()
        self._holding.claims = claims
        self._holding.mark()
        self.headers = ratelimit_headers(zip(claims, granted.balances, strict=True))

    async def _step(self, step: Step, claims: list[Claim], now_us: int, *, ahead: bool) -> Granted:
        lines = [self._holding.line(claim, ahead=ahead) for claim in claims]
        answer = await step(self.hold, lines, now_us, self._lease.us)
        if isinstance(answer, Lost):
            raise StoreUnavailable("the request's hold on its budget was lost")
        if isinstance(answer, Refused):
            which = next(claim for claim in claims if claim.line.account == answer.balance.account)
            self.headers = ratelimit_headers([(which, answer.balance)])
            raise refusal(which, answer)
        self._until_us = now_us + self._lease.us
        self._holding.took(lines)
        return answer
