"""One SQLite file, used by one thread of this process and by other processes beside it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from deployments.handover import Handover
from deployments.tenancy.stores.away import StoreAwayError
from deployments.tenancy.stores.sqlite_connection import SqliteConnection

Result = TypeVar("Result")
Step = TypeVar("Step")
Group = Callable[[sqlite3.Connection, Sequence[Step]], Sequence[Result]]
# As many calls share a transaction, and so one write to the disk; more would make other processes wait too long.
TOGETHER = 64
WAITING = 50_000


@dataclass(slots=True)
class _Call:
    """One step of a group; whoever gives it up before it begins has it left out."""

    group: Group[Any, Any]
    step: Any
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    given_up: bool = False
    result: Any = None
    error: Exception | None = None


class SqliteFile:
    """Runs work on the file at *path*, which is made where there is none, each piece whole or not at all.

    Work that waits at the same moment shares a transaction. The journal is a write-ahead log: a killed process
    loses nothing of what was answered. A machine that loses power loses the last moments, unless *power_safe*, which
    waits for the disk at every transaction. Every call raises StoreAwayError after *within_s* seconds at most.
    """

    def __init__(self, path: Path, schema: Sequence[str], *, power_safe: bool = False, within_s: float = 2.0) -> None:
        self._path, self._within_s = path, within_s
        self._file = SqliteConnection(path, schema, power_safe=power_safe, within_s=within_s)
        self._calls: Handover[_Call] = Handover()
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._undone = 0

    def seen(self, rows: sqlite3.Connection) -> tuple[object, ...]:
        """Return what is another as soon as the file may hold something else than this connection has read and written.

        Others who write by this same connection show in its ``total_changes``.
        """
        (version,) = rows.execute("PRAGMA data_version").fetchone()
        return rows, version, self._undone

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return what *work* does with the connection, once that is committed."""
        return await self.run_in(_one_by_one, work)

    async def run_in(self, group: Group[Step, Result], step: Step) -> Result:
        """Return what *group* does for *step*, once that is committed.

        It is given what waits for it at the same moment, in order, and returns what came of each; where it raises, the
        steps are tried one by one.
        """
        if len(self._calls) >= WAITING:
            raise StoreAwayError(f"{self._path}: too many calls wait")
        loop = asyncio.get_running_loop()
        call = _Call(group, step, loop, loop.create_future())
        self._start()
        self._calls.put(call)
        late = loop.call_later(self._within_s, self._late, call)
        try:
            result: Result = await call.answer
            return result
        finally:
            late.cancel()
            call.given_up = True

    async def close(self) -> None:
        """End the thread, after what waits."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._ending.set()
            self._calls.wake()
            await asyncio.to_thread(thread.join, self._within_s)

    def _late(self, call: _Call) -> None:
        if not call.answer.done():
            call.given_up = True
            call.answer.set_exception(StoreAwayError(f"{self._path}: no answer within {self._within_s:g} s"))

    def _start(self) -> None:
        if self._thread is None:
            self._ending = threading.Event()
            self._thread = threading.Thread(target=self._serve, args=(self._ending,), name="sqlite", daemon=True)
            self._thread.start()

    def _serve(self, ending: threading.Event) -> None:
        while (calls := self._calls.take(TOGETHER)) or not ending.is_set():
            if wanted := [call for call in calls if not call.given_up]:
                self._commit(wanted)
        self._file.close()

    def _commit(self, calls: list[_Call]) -> None:
        begun = False
        try:
            connection = self._file.opened()
            connection.execute("BEGIN IMMEDIATE")
            begun = True
            for _, together in groupby(calls, key=lambda call: call.group):
                self._attempt(connection, list(together))
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            # A file that was taken away, a full disk: nothing of this was written.
            self._undone += 1
            self._file.roll_back()
            if begun and len(calls) > 1:
                # What only reads needs no room on the disk: it must not fail with what writes.
                for call in calls:
                    self._commit([call])
                return
            for call in calls:
                call.error = StoreAwayError(f"{self._path}: {error}")
        for loop in {call.loop for call in calls}:
            answered = [call for call in calls if call.loop is loop]
            with contextlib.suppress(RuntimeError):  # a loop that is closed waits for nothing
                loop.call_soon_threadsafe(_answer, answered)

    def _attempt(self, connection: sqlite3.Connection, calls: Sequence[_Call]) -> None:
        """Do what is of one group; where it fails by itself, each alone, so that the others stay."""
        connection.execute("SAVEPOINT one")
        try:
            results = calls[0].group(connection, [call.step for call in calls])
            for call, result in zip(calls, results, strict=True):
                call.result, call.error = result, None
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to whoever gave the work
            self._undone += 1
            connection.execute("ROLLBACK TO one")
            if len(calls) == 1:
                calls[0].error = error
            else:
                for call in calls:
                    self._attempt(connection, [call])
        connection.execute("RELEASE one")


def _one_by_one(
    connection: sqlite3.Connection, works: Sequence[Callable[[sqlite3.Connection], Result]]
) -> Sequence[Result]:
    return [work(connection) for work in works]


def _answer(calls: Sequence[_Call]) -> None:
    for call in calls:
        if call.answer.done():
            continue
        if call.error is not None:
            call.answer.set_exception(call.error)
        else:
            call.answer.set_result(call.result)
