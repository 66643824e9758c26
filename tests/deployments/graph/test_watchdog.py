"""A watchdog over many waits."""

from __future__ import annotations

import asyncio

import pytest

from deployments.graph.watchdog import Watchdog
from tests.deployments.leap import leap


async def waits(first_s: float | None, next_s: float | None, *waits_s: float, pause_s: float = 0.0) -> int:
    """Return how many waits came to their end."""
    dog, done = Watchdog(first_s, next_s), 0
    try:
        for wait_s in waits_s:
            with dog:
                await asyncio.sleep(wait_s)
            done += 1
            await asyncio.sleep(pause_s)
    except TimeoutError:
        assert dog.rung
    finally:
        dog.close()
    return done


@pytest.mark.parametrize(
    ("limits", "waited", "done"),
    [
        ((5, None), (4.9, 60, 60), 3),
        ((5, None), (5.1,), 0),
        ((5, 1), (4.9, 0.9, 0.9, 1.1), 3),
        ((1, 5), (0.9, 4.9, 4.9), 3),
        ((None, 1), (60, 0.9, 1.1), 2),
        ((2, 2), (1.9, 1.9, 1.9, 2.1), 3),
        ((None, None), (3600, 3600), 2),
    ],
)
def test_bounds_each_wait(
    limits: tuple[float | None, float | None], waited: tuple[float, ...], done: int
) -> None:  # fmt: skip
    """The first by its own limit, each later one by the other, whatever their sum."""
    assert leap(waits(*limits, *waited)) == done


def test_time_between_waits_does_not_count() -> None:
    """A slow reader is no stalled writer."""
    assert leap(waits(1, 1, *[0.5] * 5, pause_s=30)) == 5


def test_a_foreign_cancellation_passes_through() -> None:
    """Who is cancelled by somebody else has not timed out."""

    async def cancelled() -> None:
        task = asyncio.create_task(waits(10, 10, 5, 5))
        await asyncio.sleep(1)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        leap(cancelled())


def test_moves_its_timer_seldom() -> None:
    """A thousand short waits under a long limit set up one timer, not a thousand."""

    async def count() -> int:
        loop, made = asyncio.get_running_loop(), 0
        original = loop.call_at

        def counted(when, *args, **options):  # type: ignore[no-untyped-def]
            nonlocal made
            made += 1
            return original(when, *args, **options)

        loop.call_at = counted  # type: ignore[method-assign]
        dog = Watchdog(60, 60)
        for _ in range(1000):
            with dog:
                await asyncio.sleep(0)
        dog.close()
        return made

    assert leap(count()) == 1
