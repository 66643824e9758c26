"""Who may attach to a replica, and what it is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import pytest

from deployments.pool.link import Link
from deployments.pool.wire import KEY, METHOD
from tests.deployments.pool.wired import HANG, REQUEST, Replica, context, until, wired


async def test_a_stranger_is_turned_away() -> None:
    """Without the replica's key nothing is read that the caller sends."""
    a = Replica("a", [b"1"])
    async with wired(a):
        stranger = Link("dense", replace(a.place, key="guess"), lambda: None)
        await asyncio.sleep(0.3)
        assert not stranger.usable
        await stranger.close()
    assert not a.calls


@pytest.mark.parametrize("sent", [b"\x80", b"not a message", b""])
async def test_bytes_that_are_no_message_end_the_connection_and_nothing_else(sent: bytes) -> None:
    """A gateway of another version must not take the replica down."""
    a = Replica("a", [b"1"])
    async with wired(a) as one:
        async with grpc.aio.insecure_channel(a.place.address) as channel:
            stream = channel.stream_stream(METHOD)(metadata=((KEY, a.place.key),))
            await stream.write(sent)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await read_to_the_end(stream)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert await one.answer() == b"1"


async def test_a_lost_gateway_frees_its_calls() -> None:
    """Nobody is there to cancel them."""
    a = Replica("a", [HANG])
    async with wired(a) as one:
        other = Link("dense", a.place, lambda: None)
        await until(lambda: other.usable)
        reading = asyncio.ensure_future(anext(other.stream(REQUEST, context("theirs"))))
        await until(lambda: a.in_flight == 1)
        await until(lambda: one.links.of("dense")[0].in_flight == 1)  # its gateways hear of each other's calls
        await other.close()
        await until(lambda: a.in_flight == 0)
        await asyncio.wait({reading})
    assert a.closed == ["theirs"]


async def test_a_link_comes_back_when_the_replica_listens_again() -> None:
    """A cut connection to a living replica heals without anybody's word."""
    a = Replica("a", [b"1"])
    async with wired(a) as one:
        address = a.listener.address
        await a.listener.close()
        await until(lambda: not one.links.of("dense"))
        await a.listener.start(*address.rsplit(":", 1)[:1], port=int(address.rsplit(":", 1)[1]))
        await until(lambda: one.links.of("dense"))
        assert await one.answer() == b"1"


async def read_to_the_end(stream: Any) -> None:
    while await stream.read() is not grpc.aio.EOF:
        pass
