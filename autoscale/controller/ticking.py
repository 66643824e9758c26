"""What the controller's process does beside answering: steps again and again, and a log that Ray keeps."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable

log = logging.getLogger("tercet.autoscale")


def forever(name: str, step: Callable[[], Awaitable[None]], every_s: Callable[[], float]) -> asyncio.Task[None]:
    """Begin to take a step every so many seconds, as long as the process lives; one that fails is logged."""
    return asyncio.get_running_loop().create_task(_run(step, every_s), name=name)


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
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
