"""The shared second level: a Redis. What must happen at once is a script, which Redis runs without anything between."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any, cast

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from deployments.answers.kept import MOST_S, Kept, Since, Word, decoded, encoded
from deployments.answers.settings import RedisSpec
from deployments.answers.store import StoreFailedError
from deployments.remote.key import Key

_CONNECTIONS = 64
_CONNECT_S = 5.0
_BATCH = 500

_BEGIN = """
if redis.call('HSETNX', KEYS[1], 'name', ARGV[1]) == 1 then redis.call('HSET', KEYS[1], 'era', 0) end
"""

# KEYS: store, forgotten. ARGV: a name for a store that is new, the name and the era that the caller knows.
_WORD = (
    _BEGIN
    + """
local name, era = redis.call('HGET', KEYS[1], 'name'), redis.call('HGET', KEYS[1], 'era')
local known = name == ARGV[2] and ARGV[3] or '-1'
return {name, era, redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. known, '+inf', 'WITHSCORES')}
"""
)

# KEYS: store, forgotten, answer, one set of keys for each label. ARGV: the answer's store and era, the milliseconds
# that it lives, its bytes, then its labels.
_PUT = """
if redis.call('HGET', KEYS[1], 'name') ~= ARGV[1] then return 0 end
for at = 5, #ARGV do
    local era = redis.call('ZSCORE', KEYS[2], ARGV[at])
    if era and tonumber(era) > tonumber(ARGV[2]) then return 0 end
end
redis.call('SET', KEYS[3], ARGV[4], 'PX', ARGV[3])
for at = 4, #KEYS do
    redis.call('SADD', KEYS[at], KEYS[3])
    if redis.call('PTTL', KEYS[at]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[at], ARGV[3]) end
end
return 1
"""

# KEYS: store, forgotten, when each was. ARGV: a name for a store that is new, the label, Unix seconds, and before when
# nobody has to remember.
_FORGET = (
    _BEGIN
    + """
if tonumber(redis.call('ZSCORE', KEYS[3], ARGV[2]) or -1) == tonumber(ARGV[3]) then return 0 end
local era = redis.call('HINCRBY', KEYS[1], 'era', 1)
redis.call('ZADD', KEYS[2], era, ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[2])
for _, label in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[4])) do
    redis.call('ZREM', KEYS[2], label)
    redis.call('ZREM', KEYS[3], label)
end
return era
"""
)


class RedisStore:
    """Keeps answers as long as they may be given, and as long as Redis has room."""

    def __init__(self, spec: RedisSpec) -> None:
        self._spec, self._key = spec, Key("the answer cache", spec.password)
        self._client: Redis | None = None
        self._password: str | None = None
        self._closed = False
        # In braces, so that a cluster keeps all of it in one slot, where a script can reach it together.
        self._prefix = prefix = f"{{{spec.prefix}}}"
        self._store, self._forgotten, self._when = f"{prefix}:store", f"{prefix}:forgotten", f"{prefix}:when"

    async def get(self, key: bytes, now_s: float) -> Kept | None:
        """Return what is kept."""
        try:
            data = cast("bytes | None", await (await self._redis()).get(self._answer(key)))
            found = None if data is None else decoded(data)
        except _FAILED as error:
            raise _failed(error) from None
        return found if found is not None and now_s < found.until_s else None

    async def put(self, answers: Mapping[bytes, Kept], now_s: float) -> Collection[bytes]:
        """Keep answers, in one message."""
        asked = []
        try:
            async with (await self._redis()).pipeline(transaction=False) as pipe:
                for key, kept in answers.items():
                    left_ms = int(1000 * min(kept.until_s - now_s, MOST_S))
                    if left_ms > 0:
                        keys = [self._store, self._forgotten, self._answer(key), *map(self._label, kept.labels)]
                        told: list[Any] = [kept.since.store, kept.since.era, left_ms, encoded(kept), *kept.labels]
                        pipe.eval(_PUT, len(keys), *keys, *told)
                        asked.append(key)
                done = await pipe.execute()
        except _FAILED as error:
            raise _failed(error) from None
        return [key for key, one in zip(asked, done, strict=True) if one]

    async def forget(self, label: str, at_s: float) -> int:
        """Forget by one label: first what is under way, then what is there."""
        keys = [self._store, self._forgotten, self._when]
        if not await self._script(_FORGET, keys, [secrets.token_hex(8), label, at_s, at_s - MOST_S]):
            return 0
        gone = 0
        try:
            redis = await self._redis()
            while found := await redis.spop(self._label(label), _BATCH):
                gone += await redis.unlink(*found)
        except _FAILED as error:
            raise _failed(error) from None
        return gone

    async def word(self, since: Since | None) -> Word:
        """Return what is new."""
        known = since or Since("", -1)
        told = [secrets.token_hex(8), known.store, known.era]
        name, era, flat = await self._script(_WORD, [self._store, self._forgotten], told)
        labels = zip(flat[::2], flat[1::2], strict=True)
        return Word(Since(name.decode(), int(era)), {label.decode(): int(float(one)) for label, one in labels})

    async def close(self) -> None:
        """Close every connection, and open no more for requests that are still under way."""
        self._closed = True
        await self._disconnect()

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _script(self, script: str, keys: list[str], told: list[Any]) -> Any:
        try:
            return await (await self._redis()).eval(script, len(keys), *keys, *told)
        except _FAILED as error:
            raise _failed(error) from None

    async def _redis(self) -> Redis:
        """Return the client, made anew where the password has changed."""
        if self._closed:
            raise StoreFailedError("the answer cache's Redis: is closed")
        password = self._key.read()
        if self._client is None or password != self._password:
            await self._disconnect()
            self._password = password
            self._client = Redis.from_url(
                self._spec.url,
                username=self._spec.username,
                password=password,
                max_connections=_CONNECTIONS,
                # Whoever calls bounds the time; the client's own way to do it for a write swallows cancellations.
                socket_timeout=None,
                socket_connect_timeout=_CONNECT_S,
                retry=Retry(NoBackoff(), 0),
            )
        return self._client

    def _answer(self, key: bytes) -> str:
        return f"{self._prefix}:answer:{key.hex()}"

    def _label(self, label: str) -> str:
        return f"{self._prefix}:label:{label}"


_FAILED = (RedisError, OSError, msgspec.MsgspecError)


def _failed(error: Exception) -> StoreFailedError:
    """Return what the operator is told; the server's own words may quote what was sent."""
    return StoreFailedError(f"the answer cache's Redis: {type(error).__name__}")
