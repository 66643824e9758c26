"""Where keys are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from deployments.tenancy.keys.record import KeyRecord


class KeyStore(Protocol):
    """Keeps records by id. Every call is atomic, and raises StoreAwayError where the store does not answer in time."""

    async def get(self, key_id: str) -> KeyRecord | None:
        """Return one record."""
        ...

    async def add(self, record: KeyRecord) -> bool:
        """Keep a new record; False where there is one with its id, which stays."""
        ...

    async def shorten(self, key_id: str, *, expires_s: float | None = None, revoked_s: float | None = None) -> bool:
        """End a key at the given time, or earlier where it ends earlier already; False where there is none."""
        ...

    async def all(self) -> Sequence[KeyRecord]:
        """Return every record, the oldest first."""
        ...

    async def pepper(self, proposed: bytes) -> bytes:
        """Return the store's own pepper; the first that anybody proposes is kept."""
        ...
