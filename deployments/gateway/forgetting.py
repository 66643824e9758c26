"""One gateway's part in forgetting answers: it carries out every order once, and says how far it has come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from deployments.answers.levels import Answers
from deployments.answers.orders import Forgetting
from deployments.answers.store import StoreFailedError
from deployments.telemetry.logs import event


class Forgetter:
    """Has *answers*, which may become others, forget what is ordered; ``done`` is the last order carried out.

    What cannot be carried out because the store is away is not done, and so is ordered again.
    """

    def __init__(self, answers: Callable[[], Answers]) -> None:
        self._answers = answers
        self._task: asyncio.Task[None] | None = None
        self.done = 0

    def follow(self, orders: Iterable[Forgetting]) -> None:
        """Begin to carry *orders* out, the earliest first, unless others are under way."""
        new = tuple(one for one in orders if one.number > self.done)
        if new and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._carry_out(new), name="forgetting answers")

    def begin_anew(self) -> None:
        """Carry out every order again, for a cache that has heard of none."""
        self.done = 0

    async def close(self) -> None:
        """Leave what has not been carried out."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _carry_out(self, orders: tuple[Forgetting, ...]) -> None:
        answers = self._answers()
        for one in orders:
            try:
                found = await answers.forget(one.at_s, **{one.by: one.name})
            except StoreFailedError as error:
                event("answers_not_forgotten", logging.WARNING, label=f"{one.by}={one.name}", reason=error)
                return
            if answers is not self._answers():
                return
            self.done = one.number
            event("answers_forgotten", label=f"{one.by}={one.name}", found=found)
