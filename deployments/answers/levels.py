"""The answer cache: memory over a store that outlives it, neither of which can make a request fail."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from deployments.answers.kept import Kept, Since, Word
from deployments.answers.labels import label
from deployments.answers.memory import Memory
from deployments.answers.settings import AnswersSettings
from deployments.answers.store import AnswerStore, StoreFailedError
from deployments.answers.write_behind import WriteBehind
from deployments.graph.breaker import Breaker, BreakerRule
from deployments.telemetry.logs import event

if TYPE_CHECKING:  # most gateways compare no vectors
    from deployments.answers.neighbours import Neighbours

T = TypeVar("T")
Counted = Callable[[str, str], None]
RULE = BreakerRule(consecutive=3, calls=20, window=10.0, open=1.0, probes=1)
_COMPLAIN_EVERY_S = 60.0


def uncounted(operation: str, outcome: str) -> None:
    """Ignore what becomes of calls to the second level."""


class Answers:
    """Finds, keeps and forgets answers; without a *store* memory is all there is.

    *counted* is told of every call to the second level: the operation, and ``ok``, ``failed``, ``late``, or ``skipped``
    while the store is left alone because it failed. *clock* is monotonic, *wall* tells Unix time.
    """

    def __init__(
        self,
        settings: AnswersSettings | None = None,
        store: AnswerStore | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        counted: Counted = uncounted,
    ) -> None:
        self._settings = settings or AnswersSettings()
        self._store, self._clock, self._wall, self._counted = store, clock, wall, counted
        self._memory = Memory(self._settings.memory)
        # A full disk can still be read.
        self._reading, self._writing = Breaker(), Breaker()
        self._writes = WriteBehind(self._put, self._settings.queue)
        self._heard_s = self._complained_s = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        self._neighbours: WeakValueDictionary[tuple[str, str, int], Neighbours] = WeakValueDictionary()

    @property
    def now(self) -> Since:
        """Return the moment that an answer which begins now is of."""
        return self._memory.now

    @property
    def size(self) -> int:
        """Return about how many bytes of memory the first level takes."""
        return self._memory.size

    async def find(self, key: bytes, now_s: float) -> Kept | None:
        """Return what may be given at Unix time *now_s*; whatever is wrong with a store, nothing was found."""
        store = self._store
        if store is None:
            return self._memory.get(key, now_s)
        if not await self._in_touch():
            return None
        if (kept := self._memory.get(key, now_s)) is not None:
            return kept
        found = await self._asked("get", lambda: store.get(key, now_s), self._settings.patience)
        if found is None or not self._memory.trusts(found):  # of another store, or one that has only begun to forget it
            return None
        self._memory.put(key, found)
        return found

    def keep(self, key: bytes, kept: Kept) -> bool:
        """Hold an answer, and have it written to the second level soon; say no where it was forgotten meanwhile."""
        self._memory.put(key, kept)
        if self._store is not None and not self._writes.offer(key, kept):
            self._counted("put", "dropped")
        return self._memory.trusts(kept)

    async def forget(
        self, at_s: float, *, model: str | None = None, tenant: str | None = None, tag: str | None = None
    ) -> int:
        """Forget every answer of the one thing that is named and return how many were found.

        *at_s* tells this order from any other: another gateway may have told the second level of it. No gateway gives
        the answers after ``trust``. Raises StoreFailedError where the second level cannot be told: then those that are
        here are forgotten, and the caller should try again.
        """
        told = label(model=model, tenant=tenant, tag=tag)
        for questions in list(self._neighbours.values()):
            questions.forget(told)
        now = self._memory.now
        if self._store is None:
            return self._memory.heard(Word(now._replace(era=now.era + 1), {told: now.era + 1}))
        here = self._memory.drop(told)
        try:
            async with asyncio.timeout(self._settings.write_within):
                found = await self._store.forget(told, at_s)
        except TimeoutError as error:
            raise StoreFailedError("the second level of the answer cache did not answer in time") from error
        finally:
            self._heard_s = float("-inf")
        return max(found, here)

    def neighbours(self, name: str, made: str, most_bytes: int) -> Neighbours:
        """Return the questions that *name* compares by vectors *made* so, for as long as somebody holds on to them."""
        from deployments.answers.neighbours import Neighbours  # noqa: PLC0415

        found = self._neighbours.get((name, made, most_bytes))
        if found is None:
            found = self._neighbours[name, made, most_bytes] = Neighbours(most_bytes)
        return found

    async def close(self) -> None:
        """Write what waits, a few seconds at most, and let go of the store."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._writes.close(self._settings.write_within)
        if self._store is not None:
            await self._store.close()

    async def settled(self) -> None:
        """Wait until everything that was kept has been written, or could not be."""
        await self._writes.settled()

    async def _in_touch(self) -> bool:
        """Say whether the word of the second level is recent, asking it first where it is not."""
        age_s = self._clock() - self._heard_s
        if age_s > self._settings.trust / 2 and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask(), name="word of the answer cache's second level")
        if age_s > self._settings.trust and self._asking is not None:
            await asyncio.wait([self._asking])
        return self._clock() - self._heard_s <= self._settings.trust

    async def _ask(self) -> None:
        store = self._store
        assert store is not None  # noqa: S101 - nobody asks otherwise
        since, asked_s = self._memory.now, self._clock()
        word = await self._asked("word", lambda: store.word(since), self._settings.patience)
        if word is not None:
            self._memory.heard(word)
            self._heard_s = asked_s

    async def _put(self, answers: Mapping[bytes, Kept]) -> None:
        store = self._store
        assert store is not None  # noqa: S101 - nothing is offered otherwise
        await self._asked("put", lambda: store.put(answers, self._wall()), self._settings.write_within)

    async def _asked(self, operation: str, call: Callable[[], Awaitable[T]], limit_s: float) -> T | None:
        """Return what the store says, None where it fails, is late, or is left alone for a while."""
        breaker = self._writing if operation == "put" else self._reading
        given = breaker.admit(RULE, self._clock())
        if given is None:
            self._counted(operation, "skipped")
            return None
        try:
            async with asyncio.timeout(limit_s):
                found = await call()
        except asyncio.CancelledError:
            breaker.dropped(given)
            raise
        except Exception as error:  # noqa: BLE001 - whatever a store does, the request goes on without it
            breaker.failed(given, RULE, self._clock())
            self._counted(operation, "late" if isinstance(error, TimeoutError) else "failed")
            self._complain(operation, error)
            return None
        breaker.answered(given, RULE)
        breaker.succeeded(given, self._clock())
        self._counted(operation, "ok")
        return found

    def _complain(self, operation: str, error: Exception) -> None:
        now_s = self._clock()
        if now_s - self._complained_s > _COMPLAIN_EVERY_S:
            self._complained_s = now_s
            event("answer_store_failed", logging.WARNING, operation=operation, reason=repr(error))
