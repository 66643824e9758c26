"""The keys that an issuer signs with, as it publishes them (JSON Web Key Set, RFC 7517)."""

from __future__ import annotations

import asyncio
import logging

from jwt import PyJWK, PyJWKClient, PyJWTError

from deployments.telemetry.logs import event
from deployments.tenancy.stores.away import StoreAwayError

# Keys are fetched anew after a while, and when a token names one that is not among them, but no more often than is
# fair: an issuer that is away is asked again only so often, and its keys hold for a day meanwhile.
FRESH_S, AGAIN_S, STALE_S = 300.0, 10.0, 86_400.0
WITHIN_S = 3.0


class KeySet:
    """Knows the keys published at *url*; ``now_s`` is Unix time."""

    def __init__(self, url: str, *, within_s: float = WITHIN_S) -> None:
        self._client = PyJWKClient(url, cache_jwk_set=False, timeout=within_s)
        self._url, self._within_s = url, within_s
        self._keys: dict[str, PyJWK] = {}
        self._fetched_s = self._tried_s = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str, now_s: float) -> PyJWK | None:
        """Return the key named *kid*, None where the issuer has none; raises StoreAwayError where nobody can tell.

        Only a token with a new key waits for the issuer.
        """
        if self._due(kid, now_s):
            fetching = self._fetch(now_s)
            if kid not in self._keys:
                await asyncio.wait({fetching}, timeout=self._within_s)
        if kid not in self._keys and self._fetched_s < self._tried_s:
            raise StoreAwayError(f"{self._url} does not answer")
        if now_s - self._fetched_s > STALE_S:
            raise StoreAwayError(f"{self._url} has not answered for a day")
        return self._keys.get(kid)

    async def close(self) -> None:
        """Forget the fetch under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    def _due(self, kid: str, now_s: float) -> bool:
        if self._fetching is not None:
            return True
        wanted = kid not in self._keys or now_s - self._fetched_s >= FRESH_S
        return wanted and now_s - self._tried_s >= AGAIN_S

    def _fetch(self, now_s: float) -> asyncio.Task[None]:
        if self._fetching is None:
            self._tried_s = now_s
            self._fetching = asyncio.create_task(self._fetched(now_s))
        return self._fetching

    async def _fetched(self, now_s: float) -> None:
        try:
            found = await asyncio.to_thread(self._client.get_signing_keys)
            self._keys = {key.key_id: key for key in found if key.key_id is not None}
            self._fetched_s = now_s
        except (PyJWTError, OSError, ValueError) as error:
            event("issuer_keys_unreadable", logging.WARNING, url=self._url, reason=type(error).__name__)
        finally:
            self._fetching = None
