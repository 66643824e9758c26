"""An event loop whose clock leaps over every wait, so that minutes pass at once and in the right order."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Leaping(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.leapt_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; where nothing is, let the time that was to be waited be over."""
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is left that could ever happen")
        if not ready:
            self.leapt_s += timeout or 0.0
        return ready


class LeapLoop(asyncio.SelectorEventLoop):
    """For coroutines that wait for time and each other, never for the outside world."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        """Return the seconds leapt so far."""
        return self._leaping.leapt_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run *func* here and now: work in a thread takes no leapt time."""
        done: asyncio.Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            done.set_exception(error)
        return done


def leap(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run *coroutine* to its end in leapt time."""
    with asyncio.Runner(loop_factory=LeapLoop) as runner:
        return runner.run(coroutine)
