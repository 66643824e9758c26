"""One gatekeeper, over stores that are open or will be once they answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from deployments.errors import Misconfigured, ServingError, StoreUnavailable
from deployments.telemetry.logs import event
from deployments.tenancy.assembly import Stores, gatekeeper_of, open_stores, pepper_of
from deployments.tenancy.gatekeeper import Gatekeeper
from deployments.tenancy.refused import RETRY_S
from deployments.tenancy.rights import Rights
from deployments.tenancy.settling import Overran, unheard
from deployments.tenancy.spec import AccessSpec
from deployments.tenancy.stores.away import StoreAwayError

# Who comes while the store is away is told so at once, but for one in a while that tries again.
PAUSE_S = 1.0


class Door:
    """Opens the stores of *access* at the first call, and again after *PAUSE_S* where they did not answer.

    *clock* is monotonic, *overran* as the gatekeeper's. The rights of tenants may be replaced at any time, and hold
    from then on.
    """

    def __init__(
        self, access: AccessSpec, rights: Rights, clock: Callable[[], float], overran: Overran = unheard
    ) -> None:
        self.access = access
        self._rights, self._clock, self._overran = rights, clock, overran
        self._gatekeeper: Gatekeeper | None = None
        self._stores: Stores | None = None
        self._close: Callable[[], Awaitable[None]] | None = None
        self._opening = asyncio.Lock()
        self._failure: ServingError | None = None
        self._reason = ""
        self._again_s = float("-inf")

    @property
    def rights(self) -> Rights:
        """Return what tenants may do at this moment."""
        return self._rights

    @rights.setter
    def rights(self, rights: Rights) -> None:
        self._rights = rights
        if self._gatekeeper is not None:
            self._gatekeeper.rights = rights

    @property
    def fault(self) -> str:
        """Say why nobody can be let in yet, nothing where the stores are open."""
        if self._gatekeeper is not None:
            return ""
        return self._reason or "the store of keys is being opened"

    @property
    def idle(self) -> bool:
        """Say whether nothing is held here any more."""
        return self._gatekeeper is None or self._gatekeeper.idle

    async def gatekeeper(self) -> Gatekeeper:
        """Return the gatekeeper; raises StoreUnavailable, and Misconfigured where waiting does not help."""
        if self._gatekeeper is None:
            async with self._opening:
                if self._gatekeeper is None:
                    await self._open()
        assert self._gatekeeper is not None  # noqa: S101 - opened, or raised
        return self._gatekeeper

    async def stores(self) -> Stores:
        """Return the open stores; raises as ``gatekeeper``."""
        await self.gatekeeper()
        assert self._stores is not None  # noqa: S101 - opened together
        return self._stores

    async def pepper(self) -> bytes:
        """Return what keys are hashed with; raises as ``gatekeeper``."""
        try:
            return await pepper_of(self.access, (await self.stores()).keys)
        except StoreAwayError as error:
            raise away() from error

    async def tend(self, now_us: int) -> None:
        """Open the stores where they are not, renew what is held, and settle what could not be."""
        try:
            gatekeeper = await self.gatekeeper()
        except ServingError:
            return
        await gatekeeper.tend(now_us)

    async def close(self) -> None:
        """Let go of the stores."""
        close, self._close = self._close, None
        if close is not None:
            await close()

    async def _open(self) -> None:
        if self._failure is not None and self._clock() < self._again_s:
            raise self._failure.with_traceback(None)
        stores: Stores | None = None
        try:
            stores = open_stores(self.access.kept)
            self._gatekeeper, self._close = await gatekeeper_of(self.access, stores, self._rights)
        except BaseException as error:
            if stores is not None:
                await asyncio.shield(stores.close())
            if not isinstance(error, StoreAwayError | Misconfigured):
                raise
            raise self._failed(error) from None
        # What tenants may do may have changed while the stores were being opened.
        self._gatekeeper.rights = self._rights
        self._gatekeeper.settling.overran = self._overran
        self._stores, self._failure, self._reason = stores, None, ""

    def _failed(self, error: StoreAwayError | Misconfigured) -> ServingError:
        """Remember why nobody can be let in, and return what whoever comes is told of it."""
        reason = str(error)
        if reason != self._reason:
            event("access_closed", logging.ERROR, reason=reason)
        self._reason, self._again_s = reason, self._clock() + PAUSE_S
        told = "what says who may call is not set up as it should be; its operator finds the reason in the log"
        self._failure = away() if isinstance(error, StoreAwayError) else Misconfigured(told)
        return self._failure


def away() -> StoreUnavailable:
    """Return what whoever calls is told while the store is away."""
    return StoreUnavailable("the store that knows who calls does not answer; try again", retry_after_s=RETRY_S)
