"""Who sends a request, and what of this gateway it may see and use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deployments.adapters import split_name
from deployments.errors import Forbidden, UnknownModel
from deployments.gateway.door import Door
from deployments.gateway.entrance import Entrance
from deployments.gateway.exchange import Exchange
from deployments.gateway.gateway import Live
from deployments.gateway.settings import GatewaySettings
from deployments.graph.node import Node
from deployments.graph.reach import reachable
from deployments.request import Account, Endpoint, Request
from deployments.tenancy.accounting.account import RequestAccount
from deployments.tenancy.accounting.estimate import estimate
from deployments.tenancy.accounting.quote import quoted
from deployments.tenancy.gatekeeper import Gatekeeper
from deployments.tenancy.identity import Identity, Scopes
from deployments.tenancy.limits.usage import NOTHING
from deployments.tenancy.refused import Refusal, no_access

# Whoever may have what they refer to has been found by its id.
_KEPT = frozenset({"response", "response_cancel"})
_TENANT_HEADER = "x-tenant-id"
_MAX_TENANT_CHARS = 128


class Anyone:
    """Whoever comes where nobody is asked who it is: it may have everything, and is charged nothing."""

    owner: str | None = None

    def may(self, name: str, settings: GatewaySettings) -> bool:  # noqa: ARG002
        """Say that it may ask for *name*."""
        return True

    def check_named(self, asked: Request, settings: GatewaySettings) -> None:
        """Let it have what it names."""

    def check_unnamed(self, asked: Request, routed: Request, settings: GatewaySettings) -> None:
        """Let it have what it did not name."""

    def entering(self, asked: Request, routed: Request, settings: GatewaySettings) -> Request:  # noqa: ARG002
        """Let it enter where it was routed."""
        return routed

    def entry(self, name: str, live: Live) -> tuple[str, Node]:
        """Return the node that answers for *name*."""
        return live.entry(name)

    def able(self, entry: str, live: Live) -> Mapping[str, frozenset[Endpoint]]:  # noqa: ARG002
        """Return all that there is."""
        return live.able

    def tenant(self, headers: Mapping[str, str]) -> str:
        """Return who the client says it belongs to."""
        named = headers.get(_TENANT_HEADER, "")
        return named if named.isprintable() and 0 < len(named) <= _MAX_TENANT_CHARS else "anonymous"

    async def account(self, *_: object) -> None:
        """Open no account."""


ANYONE = Anyone()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An identified caller; ``scopes`` are its own within its tenant's."""

    who: Identity
    scopes: Scopes
    gatekeeper: Gatekeeper

    @property
    def owner(self) -> str:
        """Return whose stored responses it may have."""
        return self.who.tenant

    def may(self, name: str, settings: GatewaySettings) -> bool:
        """Say whether the caller may ask for *name*, a model or a graph node."""
        return self.scopes.node(name) if name in settings.graph else self.scopes.model(name)

    def check_named(self, asked: Request, settings: GatewaySettings) -> None:
        """Raise UnknownModel where the client names what it has no access to; what it names need not exist."""
        if asked.model and not self.may(asked.model, settings):
            raise no_access(asked.model)

    def check_unnamed(self, asked: Request, routed: Request, settings: GatewaySettings) -> None:
        """Raise UnknownModel where the client named nothing and *routed* leads to what it has no access to.

        What keeps a response may be asked by whoever may ask for anything that leads to it.
        """
        if asked.model or routed.endpoint in _KEPT:
            return
        if routed.replica and not self._reaches(routed.model, settings):
            raise no_access(routed.model)
        if not routed.replica and not self.may(routed.model, settings):
            raise UnknownModel("model: is missing, and this caller has no access to the default", param="model")

    def entering(self, asked: Request, routed: Request, settings: GatewaySettings) -> Request:
        """Return *routed* as the caller may enter the graph with it.

        What goes on from a stored response is bound to the pool that keeps it. Whoever may not ask that pool by itself
        gets there through the node that was asked, or one that may be asked: what stands before the pool stands before
        every request. Where a check on the way sends it to another pool, the response is not found there.
        """
        if not routed.replica or routed.endpoint in _KEPT or self.scopes.model(routed.model):
            return routed
        known = (asked.model, settings.default, *settings.graph)
        nodes = (name for name in known if name in settings.graph and self._leads(name, routed.model, settings))
        entry = next(nodes, None)
        if entry is None:
            raise no_access(asked.model or routed.model)
        return replace(routed, model=entry)

    def entry(self, name: str, live: Live) -> tuple[str, Node]:
        """Return the node that answers for *name*, as ``live`` does, but for what an error tells of other names."""
        try:
            return live.entry(name)
        except UnknownModel:
            raise no_access(name) from None

    def able(self, entry: str, live: Live) -> Mapping[str, frozenset[Endpoint]]:
        """Return what the caller may be told of: whom it may ask, and *entry* itself."""
        known = {entry, split_name(entry)[0]}
        return {name: what for name, what in live.able.items() if name in known or self.may(name, live.settings)}

    def listed(self, known: Iterable[Mapping[str, Any]], settings: GatewaySettings) -> list[dict[str, Any]]:
        """Return the model objects that the caller may ask for, with nothing of others in them."""
        return [self._shown(one, settings) for one in known if self.may(str(one["id"]), settings)]

    def tenant(self, headers: dict[str, str]) -> str:
        """Return whose the caller is, which was shown; what *headers* say of that goes no further."""
        headers.pop(_TENANT_HEADER, None)
        return self.who.tenant

    async def account(self, request: Request, live: Live, entrance: Entrance, exchange: Exchange) -> Account:
        """Hold what *request* may come to, and return the account; raises RateLimited or BudgetExhausted."""
        now_us = entrance.now_us()
        expected = estimate(request) if self.gatekeeper.limited(self.who, now_us) else None
        ahead = {}
        if expected and len(models := live.ends_of(request.model)) == 1:
            ahead = {model: quoted(model, expected, live.prices, entrance.paces).most for model in models}
        granted = await self.gatekeeper.grant(self.who, expected.usage if expected else NOTHING, now_us, ahead)
        exchange.limits = granted.headers
        if isinstance(granted, Refusal):
            raise granted.error
        return RequestAccount(
            self.gatekeeper, granted, live.prices, entrance.paces, entrance.now_us, entrance.settling,
            (request, expected) if expected else None,
        )  # fmt: skip

    def _shown(self, one: Mapping[str, Any], settings: GatewaySettings) -> dict[str, Any]:
        if "targets" not in one:
            return dict(one)
        return {**one, "targets": [target for target in one["targets"] if self.may(target, settings)]}

    def _reaches(self, pool: str, settings: GatewaySettings) -> bool:
        if self.scopes.model(pool):
            return True
        return any(self._leads(node, pool, settings) for node in settings.graph)

    def _leads(self, node: str, pool: str, settings: GatewaySettings) -> bool:
        return self.scopes.node(node) and split_name(pool)[0] in reachable(node, settings.graph)


async def called_by(door: Door, headers: Mapping[str, str], now_us: int) -> Caller:
    """Return who sends *headers*, whose names are read in lower case; raises a ServingError where nobody is known."""
    gatekeeper = await door.gatekeeper()
    who = await gatekeeper.identify(headers, now_us)
    if isinstance(who, Refusal):
        raise who.error
    scopes = gatekeeper.rights.scopes(who)
    if scopes is None:
        raise Forbidden(f"the tenant {who.tenant} is not served here (any more)")
    return Caller(who=who, scopes=scopes, gatekeeper=gatekeeper)
