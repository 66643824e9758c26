"""From a presented key to its holder, with a short memory of what the store said."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass

from deployments.errors import Misconfigured, Unauthorized
from deployments.telemetry.logs import event
from deployments.tenancy.identity import Identity
from deployments.tenancy.keys.record import KeyRecord
from deployments.tenancy.keys.secret import matches, parse
from deployments.tenancy.keys.store import KeyStore
from deployments.tenancy.keys.strangers import Strangers
from deployments.tenancy.stores.away import StoreAwayError

# A revoked key must be refused everywhere within five seconds, a slow answer of the store included.
MOST_CACHED_S = 3.0
_CACHED = 10_000
_NOBODY = bytes(32)


@dataclass(frozen=True, slots=True)
class _Seen:
    record: KeyRecord | None
    identity: Identity | None
    at_s: float


class KeyLookup:
    """Knows the holders of keys; what the store said holds for *cached_s* seconds, that a key is unknown included.

    While the store is away, only what is cached is known: everybody else is asked to come again.
    """

    def __init__(self, keys: KeyStore, pepper: bytes, *, cached_s: float = 2.0) -> None:
        if not 0 <= cached_s <= MOST_CACHED_S:
            raise ValueError(f"cached_s is not in 0..{MOST_CACHED_S:g}")
        self._keys, self._pepper, self._cached_s = keys, pepper, cached_s
        # Unknown ids have a memory of their own: who guesses keys must not push real ones out.
        self._known: OrderedDict[str, _Seen] = OrderedDict()
        self._unknown: OrderedDict[str, _Seen] = OrderedDict()
        self._strangers = Strangers()

    async def holder(self, text: str, now_s: float) -> Identity:
        """Return who holds the key *text*; raises Unauthorized, which does not tell how near it was.

        Raises Misconfigured for a key with limits that are not known here, as one of a later version.
        """
        key = parse(text)
        if key is None:
            raise Unauthorized("this is not an API key: it was mistyped or cut short")
        seen = await self._seen(key.id, now_s)
        record = seen.record
        right = matches(key, self._pepper, record.digest if record else _NOBODY)
        if record is None or not right:
            raise Unauthorized("the API key is not known")
        state = record.state(now_s)
        if state != "active":
            raise Unauthorized(f"the API key {record.id} is {state}")
        if seen.identity is None:
            raise Misconfigured(
                f"the API key {record.id} has limits that are not known here; its operator can replace it"
            )
        return seen.identity

    async def _seen(self, key_id: str, now_s: float) -> _Seen:
        for memory in (self._known, self._unknown):
            seen = memory.get(key_id)
            if seen is not None and 0 <= now_s - seen.at_s < self._cached_s:
                return seen
        record = await self._keys.get(key_id) if key_id in self._known else await self._stranger(key_id, now_s)
        seen = _Seen(record, None if record is None else _identity(record), now_s)
        self._remember(key_id, seen)
        return seen

    async def _stranger(self, key_id: str, now_s: float) -> KeyRecord | None:
        if self._strangers.crowd(now_s):
            raise StoreAwayError("so many keys are tried that nobody has that a new one is not looked up")
        self._strangers.came(now_s)
        record = await self._keys.get(key_id)
        if record is not None:
            self._strangers.known()
        return record

    def _remember(self, key_id: str, seen: _Seen) -> None:
        memory, other = (self._known, self._unknown) if seen.record else (self._unknown, self._known)
        other.pop(key_id, None)
        memory[key_id] = seen
        memory.move_to_end(key_id)
        if len(memory) > _CACHED:
            memory.popitem(last=False)


def _identity(record: KeyRecord) -> Identity | None:
    try:
        return record.identity()
    except ValueError as error:
        event("key_limits_unknown", logging.ERROR, key=record.id, error=error)
        return None
