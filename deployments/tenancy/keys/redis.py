"""Keys in Redis: a hash for each, and the set of all ids."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deployments.tenancy.keys.record import KeyRecord
from deployments.tenancy.keys.shortened import shortened
from deployments.tenancy.stores.redis_server import RedisServer

_SCRIPT = Path(__file__).with_name("keys.lua")
# Whoever shows a key meanwhile needs a connection as well.
_AT_ONCE = 8
_DECODER = msgspec.json.Decoder(KeyRecord)


class RedisKeys:
    """A ``KeyStore`` on *server*."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._ids, self._pepper = server.key("keys"), server.key("keys", "pepper")
        self._script = server.script(_SCRIPT)

    async def get(self, key_id: str) -> KeyRecord | None:
        """Return one record."""
        fields = ("record", "expires_s", "revoked_s")
        record, expires_s, revoked_s = await self._server.call("HMGET", self._key(key_id), *fields)
        if record is None:
            return None
        return shortened(_DECODER.decode(record), _seconds(expires_s), _seconds(revoked_s))

    async def add(self, record: KeyRecord) -> bool:
        """Keep a new record; its id is known before it is there, so that none is ever missing from the list."""
        await self._server.call("SADD", self._ids, record.id)
        return bool(await self._server.call("HSETNX", self._key(record.id), "record", msgspec.json.encode(record)))

    async def shorten(self, key_id: str, *, expires_s: float | None = None, revoked_s: float | None = None) -> bool:
        """End a key."""
        ends = ["" if end is None else repr(end) for end in (expires_s, revoked_s)]
        return bool(await self._server.run(self._script, [self._key(key_id)], ends))

    async def all(self) -> Sequence[KeyRecord]:
        """Return every record."""
        ids = list(await self._server.call("SMEMBERS", self._ids))
        found: list[KeyRecord | None] = []
        for begin in range(0, len(ids), _AT_ONCE):
            found += await asyncio.gather(*(self.get(one.decode()) for one in ids[begin : begin + _AT_ONCE]))
        return sorted((one for one in found if one is not None), key=lambda one: (one.created_s, one.id))

    async def pepper(self, proposed: bytes) -> bytes:
        """Return the store's own pepper."""
        await self._server.call("SET", self._pepper, proposed, "NX")
        found: bytes = await self._server.call("GET", self._pepper)
        return found

    def _key(self, key_id: str) -> str:
        return self._server.key("key", key_id)


def _seconds(text: bytes | None) -> float | None:
    return None if text is None else float(text)
