"""One Redis server, or what is compatible with it, shared by the gateways of many machines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from deployments.tenancy.stores.away import StoreAwayError

CONNECTIONS = 32


class RedisServer:
    """Asks the server at *url*, as in ``redis://localhost:6379/0``; every key of ours begins with *prefix*.

    The prefix is in braces, so that a cluster keeps all keys in one slot, where a script can reach them together. Every
    call raises StoreAwayError after *within_s* seconds at most, which the server's words never are part of: they
    may quote the password.
    """

    def __init__(
        self, url: str, *, username: str | None = None, password: str | None = None, prefix: str = "tercet",
        within_s: float = 2.0,
    ) -> None:  # fmt: skip
        self._prefix, self._within_s = f"{{{prefix}}}", within_s
        pool = BlockingConnectionPool.from_url(
            url,
            username=username,
            password=password,
            max_connections=CONNECTIONS,
            timeout=within_s,
            retry=Retry(NoBackoff(), 1),
            # Its own way to time a write out (asyncio.wait_for) swallows cancellations.
            socket_timeout=None,
            socket_connect_timeout=within_s,
            decode_responses=False,
        )
        self._client: Redis = Redis.from_pool(pool)

    def key(self, *parts: str) -> str:
        """Return the name of a key."""
        return ":".join((self._prefix, *parts))

    def script(self, *files: Path) -> AsyncScript:
        """Return the Lua script that *files* make together, which the server is given once."""
        return self._client.register_script("\n".join(file.read_text(encoding="utf-8") for file in files))

    async def run(self, script: AsyncScript, keys: Sequence[str], arguments: Sequence[str | bytes]) -> Any:
        """Return what *script* answers."""
        return await self._asked(script(keys=keys, args=arguments))

    async def call(self, command: str, *arguments: str | bytes | int) -> Any:
        """Return what the server answers to one command."""
        return await self._asked(self._client.execute_command(command, *arguments))  # type: ignore[no-untyped-call]

    async def forgets(self) -> str | None:
        """Return the policy by which the server throws keys away when its memory is full, None where it keeps all."""
        told = await self.call("INFO", "memory")
        policy = str(told.get("maxmemory_policy", "noeviction"))
        return policy if told.get("maxmemory") and policy != "noeviction" else None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _asked(self, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._within_s):
                return await answer
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreAwayError(f"redis: {type(error).__name__}") from None
