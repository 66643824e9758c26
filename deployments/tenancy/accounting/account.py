"""The account of one request, which every branch of it draws on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace

from deployments.errors import Invalid, ServingError, TimedOut
from deployments.graph.closing import closing
from deployments.graph.limits import DEFAULTS, FIELDS, limit_of
from deployments.request import STRIDE, Frame, Request
from deployments.tenancy.accounting.estimate import METERED, estimate
from deployments.tenancy.accounting.meter import Meter
from deployments.tenancy.accounting.paces import Paces
from deployments.tenancy.accounting.tariff import UNPRICED, Tariff
from deployments.tenancy.gatekeeper import Gatekeeper, Refusal
from deployments.tenancy.grant import Grant
from deployments.tenancy.limits.usage import NOTHING

_UNITS = frozenset({"tokens", "cost", "compute"})
Later = Callable[["asyncio.Task[None]"], None]


class RequestAccount:
    """Charges *grant*; *prices* are by model, *paces* learn from every answer, *now_us* is Unix time in microseconds.

    It is settled when the request has ended and no branch is under way: a generation that others have joined may
    outlive whoever began it. *later* is handed the settlement, for somebody to wait for before the process ends.
    """

    def __init__(
        self, gatekeeper: Gatekeeper, grant: Grant, prices: Mapping[str, Tariff], paces: Paces,
        now_us: Callable[[], int], later: Later,
    ) -> None:  # fmt: skip
        self._gatekeeper, self._grant = gatekeeper, grant
        self._prices, self._paces = prices, paces
        self._now_us, self._later = now_us, later
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

    async def over(self, model: str, request: Request, frames: AsyncGenerator[Frame]) -> AsyncGenerator[Frame]:
        """Return *frames* with what they use charged; *frames* themselves where nothing is counted."""
        if request.endpoint not in METERED:
            return frames
        self._under_way += 1
        try:
            meter = await self._entered(model, request)
        except BaseException:
            self._left()
            raise
        if meter is None:
            self._left()
            return frames
        return self._metered(model, meter, frames)

    async def end(self) -> None:
        """Settle, unless that is done already or a branch is under way still; cancelling the wait cancels nothing."""
        self._ended = True
        if self._under_way:
            return
        if self._settling is None:
            self._settle()
        if self._settling is not None:
            await asyncio.wait([self._settling])

    async def _entered(self, model: str, request: Request) -> Meter | None:
        """Hold what the branch may come to, and return what pays for it; None where nothing is counted."""
        tariff = replace(self._prices.get(model, UNPRICED), pace=self._paces.of(model))
        expected = estimate(request)
        most = replace(tariff.usage(expected.prompt_most, expected.completion), spare=expected.spare)
        await self._reopen()
        grant = self._grant
        branch = await self._gatekeeper.enter(grant, model, most, self._now_us())
        if not grant.counted:
            return None
        if request.body.get("background") and any(claim.counts in _UNITS for claim in grant.claims):
            branch.leave()
            told = "what goes on behind an answer is counted by nobody, and this caller has limits; leave it out"
            raise Invalid(f"background: {told}", param="background")
        return Meter(branch, tariff, expected, _stride(request))

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
        meter.begin()
        try:
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
    """Return how many tokens may come at once beyond what is held: of a limited answer, or by the token, none."""
    limited = request.endpoint not in FIELDS or request.endpoint in DEFAULTS or limit_of(request) is not None
    return 0 if request.stream or limited else STRIDE
