"""Who may enter, and what they take with them: the one object of governance that a gateway calls.

Nothing here reads a clock or opens a connection: times are arguments, and everything else is the ledger's and the
stores'. A gateway calls ``admit`` before it begins a request, ``enter`` where a branch reaches a model, ``spend`` of
the branch for what comes back and ``leave`` when it ends, ``settle`` at the end of all whatever that was, and ``tend``
every few seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from deployments.errors import ServingError
from deployments.telemetry.logs import event
from deployments.tenancy.branch import Branch
from deployments.tenancy.credentials import presented
from deployments.tenancy.grant import Grant
from deployments.tenancy.identification import Holders
from deployments.tenancy.identity import Identity
from deployments.tenancy.lease import Lease
from deployments.tenancy.ledger.lines import Settled
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.limits.claims import Claim
from deployments.tenancy.limits.usage import NOTHING, Usage
from deployments.tenancy.refused import Refusal, away, gone, no_access
from deployments.tenancy.rights import Rights
from deployments.tenancy.settling import Settling
from deployments.tenancy.stores.away import StoreAwayError

USUAL = Lease()
# No request lasts for so long: what is open still was left by a fault of ours, and lapses with its lease.
LONGEST_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for: ``entry`` by name, a model's or a graph node's, and the ``most`` that it may come to."""

    entry: str
    kind: Literal["model", "node"]
    most: Usage = NOTHING


class Gatekeeper:
    """Lets requests in, by *holders*' word of who calls, the *rights* of tenants, and what *ledger* has left.

    *new_hold* returns a name that no other request of any gateway has. With *uncounted* requests go on where the
    ledger is away, unless they come under a budget; without they are refused. ``rights`` may be replaced at any time.
    """

    def __init__(
        self, holders: Holders, ledger: Ledger, rights: Rights, *, new_hold: Callable[[], str],
        lease: Lease = USUAL, uncounted: bool = False,
    ) -> None:  # fmt: skip
        self.rights = rights
        self.settling = Settling(ledger)
        self._holders, self._ledger, self._new_hold = holders, ledger, new_hold
        self._lease, self._uncounted = lease, uncounted
        self._open: dict[str, tuple[Grant, int]] = {}

    async def identify(self, headers: Mapping[str, str], now_us: int) -> Identity | Refusal:
        """Return who sends *headers* (lower case), for what uses nothing: listings, admin routes."""
        try:
            who = await self._holders.holder(presented(headers), now_us / 1e6)
        except StoreAwayError:
            return Refusal(error=away("who calls"))
        except ServingError as error:
            return Refusal(error=error)
        if self.rights.scopes(who) is None:
            return Refusal(error=gone(who))
        return who

    async def admit(self, headers: Mapping[str, str], asked: Asked, now_us: int) -> Grant | Refusal:
        """Let a request in with all that it may come to held for it, or say why not."""
        who = await self.identify(headers, now_us)
        if isinstance(who, Refusal):
            return who
        if not self._may(who, asked):
            return Refusal(error=no_access(asked.entry))
        return await self.grant(who, asked.most, now_us)

    async def grant(
        self, who: Identity, most: Usage, now_us: int, ahead: Mapping[str, Usage] = MappingProxyType({})
    ) -> Grant | Refusal:
        """Let in a request of somebody whose right to it was looked into; as ``admit``.

        What the first branch to a model may come to can be held *ahead*, so that the ledger need not be asked again
        when it gets there. Where models have limits of their own, nothing is: not every request reaches them.
        """
        if self.rights.scopes(who) is None:
            return Refusal(error=gone(who))
        sure = {model: usage for model, usage in ahead.items() if not any(self.rights.of_model(who, model, now_us))}
        return await self._granted(who, list(self.rights.of_caller(who, now_us)), most, now_us, sure)

    @property
    def idle(self) -> bool:
        """Say whether nothing is held here, and nothing is left to settle."""
        return not self._open and not self.settling

    def limited(self, who: Identity, now_us: int) -> bool:
        """Say whether the requests of *who* come under any limit, whichever model they reach."""
        return self.rights.scopes(who) is not None and any(self.rights.of_caller(who, now_us))

    def claims(self, grant: Grant, model: str, now_us: int) -> Sequence[Claim]:
        """Return the limits that a request comes under where it reaches *model*."""
        if self.rights.scopes(grant.who) is None:
            return grant.claims
        return (*grant.claims, *self.rights.of_model(grant.who, model, now_us))

    async def enter(self, grant: Grant, model: str, most: Usage, now_us: int) -> Branch:
        """Hold what a branch of a request comes to where it reaches *model*; raises a ServingError where it may not.

        A model is named as its pool is: what its adapters use is its own.
        """
        if self.rights.scopes(grant.who) is None:
            raise gone(grant.who)
        claims = list(self.rights.of_model(grant.who, model, now_us))
        try:
            return await grant.enter(model, claims, most, now_us)
        except StoreAwayError as error:
            if not self._goes_uncounted(grant.claims, claims):
                raise away("what is left of limits and budgets") from error
            return Branch(grant, model)

    async def settle(self, grant: Grant, now_us: int) -> Settled | None:
        """End a request at what it has spent; None where the store is away, and ``tend`` does it later."""
        self._open.pop(grant.hold, None)
        if grant.settled:
            return Settled(again=True)
        grant.settled = True
        if not grant.counted:
            return Settled()
        return await self.settling.close(grant.hold, grant.totals(), now_us)

    async def tend(self, now_us: int) -> int:
        """Renew the leases that need it, settle what could not be, and return how many are unsettled still.

        A lease that cannot be renewed is left: the request itself notices when it spends.
        """
        for hold, (_, since_us) in list(self._open.items()):
            if now_us - since_us > LONGEST_US:
                event("hold_left", logging.ERROR, hold=hold)
                del self._open[hold]
        await asyncio.gather(*(_renewed(grant, now_us) for grant, _ in list(self._open.values())))
        await self.settling.again(now_us)
        return len(self.settling)

    def _may(self, who: Identity, asked: Asked) -> bool:
        scopes = self.rights.scopes(who)
        if scopes is None:
            return False
        return scopes.model(asked.entry) if asked.kind == "model" else scopes.node(asked.entry)

    async def _granted(
        self, who: Identity, claims: list[Claim], most: Usage, now_us: int, ahead: Mapping[str, Usage]
    ) -> Grant | Refusal:
        grant = Grant(who, self._ledger, self._new_hold(), self._lease, claims, most)
        try:
            await grant.open(now_us, ahead)
        except StoreAwayError:
            self.settling.later(grant.hold, {})
            if not self._goes_uncounted(claims):
                return Refusal(error=away("what is left of limits and budgets"))
            grant = Grant(who, self._ledger, self._new_hold(), self._lease)
            # A model that it reaches later may have claims again, when the store is back.
            self._open[grant.hold] = grant, now_us
            return grant
        except asyncio.CancelledError:
            # Nobody was let in, whether or not the store did as it was asked.
            self.settling.later(grant.hold, {})
            raise
        except ServingError as error:
            return Refusal(error=error, headers=grant.headers)
        self._open[grant.hold] = grant, now_us
        return grant

    def _goes_uncounted(self, *claims: Iterable[Claim]) -> bool:
        return self._uncounted and not any(claim.kind == "budget" for some in claims for claim in some)


async def _renewed(grant: Grant, now_us: int) -> None:
    try:
        await grant.renew(now_us)
    except (ServingError, StoreAwayError):
        return
    except Exception as error:  # noqa: BLE001 - the others are renewed, and what waits is settled, all the same
        event("renewal_failed", logging.ERROR, hold=grant.hold, error=error)
