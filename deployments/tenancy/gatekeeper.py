"""Who may enter, and what they take with them: the one object of governance that a gateway calls.

Nothing here reads a clock or opens a connection: times are arguments, and everything else is the ledger's and the
stores'. A gateway calls ``admit`` before it begins a request, ``enter`` where a branch reaches a model, ``spend`` of
the branch for what comes back and ``leave`` when it ends, ``settle`` at the end of all whatever that was, and ``tend``
every few seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from deployments.errors import Forbidden, ServingError, StoreUnavailable, UnknownModel
from deployments.telemetry.logs import event
from deployments.tenancy.credentials import presented
from deployments.tenancy.grant import Branch, Grant, Lease
from deployments.tenancy.identification import Holders
from deployments.tenancy.identity import Identity
from deployments.tenancy.ledger.lines import Settled
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.limits.claims import Claim
from deployments.tenancy.limits.usage import NOTHING, Usage
from deployments.tenancy.rights import Rights
from deployments.tenancy.stores.away import StoreAwayError

RETRY_S = 2.0
USUAL = Lease()
Overran = Callable[[str, int], None]
_MOST_UNSETTLED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks for: ``entry`` by name, a model's or a graph node's, and the ``most`` that it may come to."""

    entry: str
    kind: Literal["model", "node"]
    most: Usage = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not let in, and what the answer's headers say of limits."""

    error: ServingError
    headers: Mapping[str, str] = field(default_factory=dict)


def unheard(unit: str, amount: int) -> None:
    """Tell nobody of an overrun."""


class Gatekeeper:
    """Lets requests in, by *holders*' word of who calls, the *rights* of tenants, and what *ledger* has left.

    *new_hold* returns a name that no other request of any gateway has. With *uncounted* requests go on where the
    ledger is away, unless they come under a budget; without they are refused. ``rights`` may be replaced at any time.
    ``overran`` is told the unit and the amount of what was used beyond all that was held and all that was left.
    """

    def __init__(
        self, holders: Holders, ledger: Ledger, rights: Rights, *, new_hold: Callable[[], str],
        lease: Lease = USUAL, uncounted: bool = False,
    ) -> None:  # fmt: skip
        self.rights = rights
        self.overran: Overran = unheard
        self._holders, self._ledger, self._new_hold = holders, ledger, new_hold
        self._lease, self._uncounted = lease, uncounted
        self._open: dict[str, Grant] = {}
        self._unsettled: dict[str, Mapping[str, int]] = {}

    async def identify(self, headers: Mapping[str, str], now_us: int) -> Identity | Refusal:
        """Return who sends *headers* (lower case), for what uses nothing: listings, admin routes."""
        try:
            who = await self._holders.holder(presented(headers), now_us / 1e6)
        except StoreAwayError:
            return Refusal(error=_away("who calls"))
        except ServingError as error:
            return Refusal(error=error)
        if self.rights.scopes(who) is None:
            return Refusal(error=_gone(who))
        return who

    async def admit(self, headers: Mapping[str, str], asked: Asked, now_us: int) -> Grant | Refusal:
        """Let a request in with all that it may come to held for it, or say why not."""
        who = await self.identify(headers, now_us)
        if isinstance(who, Refusal):
            return who
        if not self._may(who, asked):
            return Refusal(error=no_access(asked.entry))
        return await self.grant(who, asked.most, now_us)

    async def grant(self, who: Identity, most: Usage, now_us: int) -> Grant | Refusal:
        """Let in a request of somebody whose right to it was looked into; as ``admit``."""
        if self.rights.scopes(who) is None:
            return Refusal(error=_gone(who))
        return await self._granted(who, list(self.rights.of_caller(who, now_us)), most, now_us)

    @property
    def idle(self) -> bool:
        """Say whether nothing is held here, and nothing is left to settle."""
        return not self._open and not self._unsettled

    async def enter(self, grant: Grant, model: str, most: Usage, now_us: int) -> Branch:
        """Hold what a branch of a request comes to where it reaches *model*; raises a ServingError where it may not.

        A model is named as its pool is: what its adapters use is its own.
        """
        if self.rights.scopes(grant.who) is None:
            raise _gone(grant.who)
        claims = list(self.rights.of_model(grant.who, model, now_us))
        try:
            return await grant.enter(model, claims, most, now_us)
        except StoreAwayError as error:
            if not self._goes_uncounted(grant.claims, claims):
                raise _away("what is left of limits and budgets") from error
            return Branch(grant, model)

    async def settle(self, grant: Grant, now_us: int) -> Settled | None:
        """End a request at what it has spent; None where the store is away, and ``tend`` does it later."""
        self._open.pop(grant.hold, None)
        if grant.settled:
            return Settled(again=True)
        grant.settled = True
        if not grant.counted:
            return Settled()
        try:
            return await self._close(grant.hold, grant.totals(), now_us)
        except StoreAwayError:
            self._settle_later(grant.hold, grant.totals())
            return None
        except asyncio.CancelledError:
            # It may have been done or not, and doing it twice is doing it once.
            self._settle_later(grant.hold, grant.totals())
            raise

    async def tend(self, now_us: int) -> int:
        """Renew the leases that need it, settle what could not be, and return how many are unsettled still.

        A lease that cannot be renewed is left: the request itself notices when it spends.
        """
        await asyncio.gather(*(_renewed(grant, now_us) for grant in list(self._open.values())))
        for hold, used in list(self._unsettled.items()):
            try:
                await self._close(hold, used, now_us)
            except StoreAwayError:
                break
            self._unsettled.pop(hold, None)
        return len(self._unsettled)

    async def _close(self, hold: str, used: Mapping[str, int], now_us: int) -> Settled:
        """Settle, and tell of what was not charged: there was no room for it, or nobody knows the hold any more."""
        settled = await self._ledger.settle(hold, used, now_us)
        for account, amount in settled.overrun.items():
            event("budget_overrun", logging.WARNING, account=account, amount=amount, hold=hold)
            self.overran(account.rsplit("|", 2)[1], amount)
        if not settled.known and any(used.values()):
            event("settlement_lost", logging.WARNING, hold=hold, used=dict(used))
        return settled

    def _may(self, who: Identity, asked: Asked) -> bool:
        scopes = self.rights.scopes(who)
        if scopes is None:
            return False
        return scopes.model(asked.entry) if asked.kind == "model" else scopes.node(asked.entry)

    async def _granted(self, who: Identity, claims: list[Claim], most: Usage, now_us: int) -> Grant | Refusal:
        grant = Grant(who, self._ledger, self._new_hold(), self._lease, claims, most)
        try:
            await grant.open(now_us)
        except StoreAwayError:
            self._settle_later(grant.hold, {})
            if not self._goes_uncounted(claims):
                return Refusal(error=_away("what is left of limits and budgets"))
            grant = Grant(who, self._ledger, self._new_hold(), self._lease)
            # A model that it reaches later may have claims again, when the store is back.
            self._open[grant.hold] = grant
            return grant
        except asyncio.CancelledError:
            # Nobody was let in, whether or not the store did as it was asked.
            self._settle_later(grant.hold, {})
            raise
        except ServingError as error:
            return Refusal(error=error, headers=grant.headers)
        self._open[grant.hold] = grant
        return grant

    def _settle_later(self, hold: str, used: Mapping[str, int]) -> None:
        """Remember a settlement; of too many the oldest is left to its lease, which charges what was written ahead."""
        self._unsettled[hold] = used
        if len(self._unsettled) > _MOST_UNSETTLED:
            del self._unsettled[next(iter(self._unsettled))]

    def _goes_uncounted(self, *claims: Iterable[Claim]) -> bool:
        return self._uncounted and not any(claim.kind == "budget" for some in claims for claim in some)


async def _renewed(grant: Grant, now_us: int) -> None:
    try:
        await grant.renew(now_us)
    except (ServingError, StoreAwayError):
        return
    except Exception as error:  # noqa: BLE001 - the others are renewed, and what waits is settled, all the same
        event("renewal_failed", logging.ERROR, hold=grant.hold, error=error)


def no_access(name: str) -> UnknownModel:
    """Return the error that tells nobody whether there is a model of that name."""
    return UnknownModel(f"model: there is no {name[:200]!r}, or this caller has no access to it", param="model")


def _gone(who: Identity) -> Forbidden:
    return Forbidden(f"the tenant {who.tenant} is not served here (any more)")


def _away(what: str) -> StoreUnavailable:
    return StoreUnavailable(f"the store that knows {what} does not answer; try again", retry_after_s=RETRY_S)
