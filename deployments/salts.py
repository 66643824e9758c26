"""Names under which a server that keeps prefixes of prompts keeps those of different tenants apart."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

SECRET_BYTES = 32


class Salts:
    """Hashes with a *secret* that no client knows, so that nobody can name another's salt."""

    def __init__(self, secret: bytes) -> None:
        self._key = blake2b(secret, digest_size=SECRET_BYTES).digest()

    def of(self, prefixes: str, own: str | None) -> str | None:
        """Return the salt of a request: by whose *prefixes* it uses and, within them, by the client's *own* salt.

        None where it has neither; such requests share what none other can reach.
        """
        if not prefixes and not own:
            return None
        told = msgspec.json.encode((prefixes, own or ""))
        return blake2b(told, key=self._key, digest_size=32).hexdigest()
