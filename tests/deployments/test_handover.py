"""From a loop to a thread: in order, nothing lost, and the thread is woken once for what came together."""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue

from deployments.handover import Handover


class Counted(SimpleQueue[None]):
    """Counts how often the thread is woken."""

    def __init__(self) -> None:
        self.woken = 0

    def put(self, item: None, block: bool = True, timeout: float | None = None) -> None:
        self.woken += 1
        super().put(item, block, timeout)


def counted(things: Handover[int]) -> Counted:
    things._news = news = Counted()
    return news


async def test_what_comes_in_one_turn_of_the_loop_wakes_the_thread_once() -> None:
    """And is there in its order."""
    things: Handover[int] = Handover()
    news = counted(things)
    for at in range(10):
        things.put(at)
    assert news.woken == 0
    await asyncio.sleep(0)
    assert news.woken == 1
    assert things.take(4) == [0, 1, 2, 3]
    assert things.take(100) == [4, 5, 6, 7, 8, 9]
    assert things.take(100) == []


async def test_a_long_turn_does_not_keep_the_thread_waiting() -> None:
    """It is woken as often as enough has come."""
    things: Handover[int] = Handover()
    news = counted(things)
    for at in range(100):
        things.put(at)
    assert news.woken == 6
    assert len(things) == 100


async def test_nothing_is_lost_between_a_busy_thread_and_the_loop() -> None:
    """Whatever the thread does when more comes."""
    things: Handover[int] = Handover()
    found: list[int] = []

    def serve() -> None:
        while len(found) < 2000:
            found.extend(things.take(3, timeout_s=10))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    for at in range(2000):
        things.put(at)
        if at % 7 == 0:
            await asyncio.sleep(0)
    await asyncio.to_thread(thread.join, 10)
    assert found == list(range(2000))


def test_a_loop_that_ended_leaves_nothing_behind() -> None:
    """What its last turn gave comes with the next loop's."""
    things: Handover[int] = Handover()
    loop = asyncio.new_event_loop()

    async def put() -> None:
        things.put(1)
        loop.stop()

    task = loop.create_task(put())
    loop.run_forever()
    del task
    loop.close()

    async def again() -> None:
        things.put(2)
        await asyncio.sleep(0)

    asyncio.run(again())
    assert things.take(10, timeout_s=0) == [1, 2]


def test_it_is_woken_for_nothing_and_waits_no_longer_than_it_is_told() -> None:
    """As whoever ends the thread needs."""
    things: Handover[int] = Handover()
    things.wake()
    assert things.take(1) == []
    assert things.take(1, timeout_s=0.01) == []
