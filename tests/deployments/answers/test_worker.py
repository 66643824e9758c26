"""The thread of a store: whatever waits for it when it is closed, it ends."""

from __future__ import annotations

import asyncio
import threading

import pytest

from deployments.answers.store import StoreFailedError
from deployments.answers.worker import Worker


async def test_a_worker_that_is_closed_with_a_full_queue_ends() -> None:
    """After every call that waited, and with the last one."""
    begun, go, made = threading.Event(), threading.Event(), []
    worker = Worker("test-full", waiting=3)

    def slow() -> None:
        begun.set()
        go.wait(10)

    calls = [asyncio.create_task(worker.run(slow))]
    await asyncio.to_thread(begun.wait, 10)
    calls += [asyncio.create_task(worker.run(made.append, at)) for at in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreFailedError, match="too slow"):
        await worker.run(made.append, -1)
    threading.Timer(0.2, go.set).start()
    await worker.close(lambda: made.append("last"))
    await asyncio.gather(*calls)
    assert made == [0, 1, 2, "last"]
    assert not any(thread.name == "test-full" for thread in threading.enumerate())
    with pytest.raises(StoreFailedError, match="closed"):
        await worker.run(made.append, 4)


async def test_a_worker_that_has_nothing_to_do_ends() -> None:
    """Whether or not it was ever called."""
    for called in (False, True):
        worker, made = Worker("test-idle"), []
        if called:
            await worker.run(made.append, "call")
        await worker.close(lambda made=made: made.append("last"))  # type: ignore[misc]
        assert made[-1] == "last"
    assert not any(thread.name == "test-idle" for thread in threading.enumerate())
