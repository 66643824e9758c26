"""The shared second level: whoever gives up on a call is let go."""

from __future__ import annotations

import asyncio

import pytest

from deployments.answers.redis_store import RedisStore
from deployments.answers.store import StoreFailedError
from tests.deployments.answers.conftest import Server
from tests.deployments.answers.making import KEY, NOON_S, kept

# A call takes fewer turns of the loop than that until it waits for the server.
TURNS = 14


async def cancelled_after(store: RedisStore, turns: int) -> bool | None:
    """Cancel a call after some turns of the loop and say whether it ended by that, None where it had ended before."""
    call = asyncio.create_task(store.get(KEY, NOON_S))
    for _ in range(turns):
        await asyncio.sleep(0)
    if call.done():
        return None
    call.cancel()
    await asyncio.wait([call])
    return call.cancelled()


async def test_no_cancellation_is_lost(redis: Server) -> None:
    """Wherever the call is; and an answer that nobody took is not taken for another call's."""
    store = RedisStore(redis.spec())
    try:
        answer = kept(since=(await store.word(None)).now)
        assert await store.put({KEY: answer}, NOON_S)
        told = [await cancelled_after(store, turns) for turns in range(TURNS) for _ in range(20)]
        assert True in told
        assert False not in told
        assert await store.get(b"other", NOON_S) is None
        assert await store.get(KEY, NOON_S) == answer
    finally:
        await store.close()


async def test_a_store_that_was_closed_opens_nothing(redis: Server) -> None:
    """A request that is still under way may ask it."""
    store = RedisStore(redis.spec())
    await store.word(None)
    await store.close()
    with pytest.raises(StoreFailedError, match="closed"):
        await store.get(KEY, NOON_S)
    assert store._client is None
