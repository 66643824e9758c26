"""The account of one request, which every branch of it draws on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping

from deployments.errors import Invalid, ServingError, TimedOut
from deployments.graph.closing import closing
from deployments.request import STRIDE, Answer, Frame, Request
from deployments.tenancy.accounting.estimate import METERED, Estimate, bounded, estimate, unlimited
from deployments.tenancy.accounting.meter import ON_THE_WAY, Meter
from deployments.tenancy.accounting.paces import Paces
from deployments.tenancy.accounting.quote import quoted
from deployments.tenancy.accounting.tariff import Tariff
from deployments.tenancy.gatekeeper import Gatekeeper
from deployments.tenancy.grant import Grant
from deployments.tenancy.limits.usage import NOTHING
from deployments.tenancy.refused import Refusal

_UNITS = frozenset({"tokens", "cost", "compute"})
Later = Callable[["asyncio.Task[None]"], None]


class RequestAccount:
    """Charges *grant*; *prices* are by model, *paces* learn from every answer, *now_us* is Unix time in microseconds.

    *known* is the request as it was let in, with its estimate: most reach a model as they came.

    It is settled when the request has ended and no branch is under way: a generation that others have joined may
    outlive whoever began it. *later* is handed the settlement, for somebody to wait for before the process ends.
    """

    def __init__(
        self, gatekeeper: Gatekeeper, grant: Grant, prices: Mapping[str, Tariff], paces: Paces,
        now_us: Callable[[], int], later: Later, known: tuple[Request, Estimate] | None = None,
    ) -> None:  # fmt: skip
        self._gatekeeper, self._grant = gatekeeper, grant
        self._prices, self._paces = prices, paces
        self._now_us, self._later, self._known = now_us, later, known
        self._under_way = 0
        self._one_at_a_time = asyncio.Lock()
        self._ended = False
        self._settling: asyncio.Task[None] | None = None

    @property
    def key(self) -> str:
        """Return the id of the caller's key, or its subject."""
        return self._grant.who.key

    @property
    def headers(self) -> Mapping[str, str]:
        """Return what the client is told of its limits."""
        return self._grant.headers

    async def over(self, model: str, request: Request, answer: Answer, *, blind: bool) -> AsyncGenerator[Frame]:
        """Return the *answer* with what it uses charged; by itself where nothing is counted.

        One that is *blind* gets a limit where it has none and comes under a budget: what is held is then no less than
        what is made.
        """
        if request.endpoint not in METERED:
            return answer(request)
        self._under_way += 1
        try:
            asked, meter = await self._entered(model, request, blind=blind)
        except BaseException:
            self._left()
            raise
        if meter is None:
            self._left()
            return answer(asked)
        return self._metered(model, meter, answer(asked))

    async def end(self) -> None:
        """Settle, unless that is done already or a branch is under way still; cancelling the wait cancels nothing."""
        self._ended = True
        if self._under_way:
            return
        if self._settling is None:
            self._settle()
        if self._settling is not None:
            await asyncio.wait([self._settling])

    async def _entered(self, model: str, request: Request, *, blind: bool) -> tuple[Request, Meter | None]:
        """Hold what the branch may come to; return what to ask for, and what pays for it where anything is counted."""
        await self._reopen()
        grant, now_us = self._grant, self._now_us()
        if not (claims := self._gatekeeper.claims(grant, model, now_us)):
            # Whoever has no limits has nothing read of what it sends.
            await self._gatekeeper.enter(grant, model, NOTHING, now_us)
            return request, None
        blind = blind and any(claim.kind == "budget" for claim in claims)
        asked, expected = bounded(request) if blind else (request, self._estimated(request))
        quote = quoted(model, expected, self._prices, self._paces)
        branch = await self._gatekeeper.enter(grant, model, quote.most, now_us)
        if not grant.counted:
            return asked, None
        if request.body.get("background") and any(claim.counts in _UNITS for claim in grant.claims):
            branch.leave()
            told = "what goes on behind an answer is counted by nobody, and this caller has limits; leave it out"
            raise Invalid(f"background: {told}", param="background")
        return asked, Meter(branch, quote.tariff, quote.expected, _stride(asked), unseen=_unseen(asked), blind=blind)

    def _estimated(self, request: Request) -> Estimate:
        return self._known[1] if self._known is not None and self._known[0] is request else estimate(request)

    async def _reopen(self) -> None:
        """Hold anew where all was settled: others go on with what this request began, by another branch."""
        async with self._one_at_a_time:
            if self._settling is None:
                return
            granted = await self._gatekeeper.grant(self._grant.who, NOTHING, self._now_us())
            if isinstance(granted, Refusal):
                raise granted.error
            self._grant, self._settling = granted, None

    async def _metered(self, model: str, meter: Meter, frames: AsyncGenerator[Frame]) -> AsyncGenerator[Frame]:
        try:
            await meter.begin(self._now_us())
            async with closing(frames) as told:
                async for frame in told:
                    if not meter.saw(frame):
                        await meter.pay(self._now_us())
                    yield frame
        except ServingError as error:
            # Whose time was over had an engine work for it; so had whoever left, which is no error.
            if not isinstance(error, TimedOut):
                meter.failed()
            raise
        finally:
            meter.end()
            if meter.told:
                self._paces.read(model, meter.counts[0], meter.bound)
            if meter.seconds is not None:
                self._paces.learn(model, meter.seconds, *meter.counts)
            self._left()

    def _left(self) -> None:
        self._under_way -= 1
        if self._ended and not self._under_way and self._settling is None:
            self._settle()

    def _settle(self) -> None:
        self._settling = asyncio.create_task(self._settled(self._grant), name="settlement")
        self._later(self._settling)

    async def _settled(self, grant: Grant) -> None:
        await self._gatekeeper.settle(grant, self._now_us())


def _stride(request: Request) -> int:
    """Return how many tokens may come at once beyond what is held: of a limited answer none."""
    return _unseen(request) if unlimited(request) else 0


def _unseen(request: Request) -> int:
    """Return how many tokens there may be that nobody has been told of yet."""
    return ON_THE_WAY if request.stream else ON_THE_WAY + STRIDE
