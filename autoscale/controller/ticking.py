"""What the controller's process does beside answering: steps again and again, and a log that Ray keeps."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from deployments.telemetry.logs import configure

log = logging.getLogger("tercet.autoscale")


def forever(name: str, step: Callable[[], Awaitable[None]], every_s: Callable[[], float]) -> asyncio.Task[None]:
    """Begin to take a step every so many seconds, as long as the process lives; one that fails is logged."""
    return asyncio.get_running_loop().create_task(_run(step, every_s), name=name)


@dataclass(slots=True)
class Loops:
    """Owns what runs for ever, by name."""

    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def keep_up(self, name: str, step: Callable[[], Awaitable[None]], every_s: Callable[[], float]) -> None:
        """Begin the loop *name*, and begin it again where it has ended."""
        task = self._tasks.get(name)
        if task is None or task.done():
            if task is not None:
                reason = "cancelled" if task.cancelled() else repr(task.exception())
                log.error("loop_ended name=%s reason=%s beginning=again", name, reason)
            self._tasks[name] = forever(name, step, every_s)


async def _run(step: Callable[[], Awaitable[None]], every_s: Callable[[], float]) -> None:
    while True:
        began_s = time.monotonic()
        try:
            await step()
        except Exception:
            log.exception("tick_failed")
        await asyncio.sleep(max(0.0, every_s() - (time.monotonic() - began_s)))


def log_to_stderr() -> None:
    """Show decisions in the actor's own log file, which Ray fills from its standard error."""
    configure(sys.stderr)
