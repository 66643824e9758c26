"""Laws of the outbox: nothing is lost, nothing is reordered, and the end comes after everything else."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.outbox import Outbox, merged
from deployments.errors import EngineFailed
from deployments.request import Frame, Head

HEAD = Head(model="m", path=())


def frame(n: int) -> Frame:
    return Frame(data=f"<{n}>".encode(), text=str(n), tokens=n, head=HEAD if n == 0 else None)


@given(st.lists(st.booleans(), max_size=30))
def test_whatever_the_reader_does_it_reads_everything_in_order(pauses: list[bool]) -> None:
    """The bytes and tokens read are those put, however writer and reader interleave."""

    async def run() -> list[Frame]:
        outbox = Outbox()

        async def write() -> None:
            for n, pause in enumerate(pauses):
                outbox.put(frame(n))
                if pause:
                    await asyncio.sleep(0)
            outbox.end()

        writer = asyncio.create_task(write())
        read = [one async for one in outbox.frames()]
        await writer
        return read

    read = asyncio.run(run())
    assert b"".join(one.data for one in read) == b"".join(frame(n).data for n in range(len(pauses)))
    assert sum(one.tokens for one in read) == sum(range(len(pauses)))
    assert [one.head for one in read] == [HEAD if n == 0 else None for n in range(len(read))]


async def test_an_error_comes_after_what_was_put() -> None:
    """The reader gets the tokens that exist, then the error, and only the first end counts."""
    outbox = Outbox()
    outbox.put(frame(1))
    outbox.end(EngineFailed("first"))
    outbox.end()
    outbox.put(frame(2))
    stream = outbox.frames()
    assert (await anext(stream)).data == b"<1>"
    with pytest.raises(EngineFailed, match="first"):
        await anext(stream)


def test_merging_keeps_what_either_says() -> None:
    """Bytes and text join, tokens add up, the head and the first reason stay."""
    early = Frame(data=b"a", text="x", tokens=1, head=HEAD)
    late = Frame(data=b"b", text="y", tokens=2, prompt_tokens=9, finish_reason="stop")
    assert merged([early, late]) == Frame(
        data=b"ab", text="xy", tokens=3, prompt_tokens=9, finish_reason="stop", head=HEAD
    )
