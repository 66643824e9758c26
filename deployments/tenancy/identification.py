"""From a credential to an identity: API keys by their store, everything else by the issuers of tokens."""

from __future__ import annotations

from typing import Protocol

from deployments.errors import Unauthorized
from deployments.tenancy.identity import Identity
from deployments.tenancy.keys.secret import is_key


class Holders(Protocol):
    """Knows who holds a credential of one kind.

    ``holder`` raises Unauthorized where nobody does, and StoreAwayError where that cannot be found out now.
    """

    async def holder(self, text: str, now_s: float) -> Identity: ...


class Identification:
    """Asks *keys* for what looks like one of our keys, and *tokens*, where there are issuers, for the rest."""

    def __init__(self, keys: Holders, tokens: Holders | None = None) -> None:
        self._keys, self._tokens = keys, tokens

    async def holder(self, text: str, now_s: float) -> Identity:
        """Return who holds the credential."""
        if is_key(text):
            return await self._keys.holder(text, now_s)
        if self._tokens is None:
            raise Unauthorized("this is not an API key of this cluster, and no issuer of tokens is configured")
        return await self._tokens.holder(text, now_s)
