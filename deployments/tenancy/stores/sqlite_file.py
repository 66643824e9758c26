"""One SQLite file, used by one thread of this process and by other processes beside it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from deployments.tenancy.stores.away import StoreAwayError
from deployments.tenancy.stores.sqlite_connection import SqliteConnection

Result = TypeVar("Result")
# As many calls share a transaction, and so one write to the disk; more would make other processes wait too long.
TOGETHER = 64
WAITING = 50_000


@dataclass(slots=True)
class _Call:
    """One piece of work; whoever gives it up before it begins has it left out."""

    work: Callable[[sqlite3.Connection], Any]
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
        self._calls: queue.Queue[_Call | None] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Return what *work* does with the connection, once that is committed."""
        loop = asyncio.get_running_loop()
        call = _Call(work, loop, loop.create_future())
        self._start()
        try:
            self._calls.put_nowait(call)
            async with asyncio.timeout(self._within_s):
                result: Result = await call.answer
                return result
        except queue.Full:
            raise StoreAwayError(f"{self._path}: too many calls wait") from None
        except TimeoutError:
            raise StoreAwayError(f"{self._path}: no answer within {self._within_s:g} s") from None
        finally:
            call.given_up = True

    async def close(self) -> None:
        """End the thread, after what waits."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(self._calls.put, None)
            await asyncio.to_thread(thread.join, self._within_s)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="sqlite", daemon=True)
            self._thread.start()

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            calls, last = self._waiting(call)
            self._commit([call for call in calls if not call.given_up])
            if last:
                break
        self._file.close()

    def _waiting(self, first: _Call) -> tuple[list[_Call], bool]:
        """Return the calls of one transaction, and whether the end stood behind them."""
        calls = [first]
        while len(calls) < TOGETHER:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                break
            if call is None:
                return calls, True
            calls.append(call)
        return calls, False

    def _commit(self, calls: list[_Call]) -> None:
        begun = False
        try:
            connection = self._file.opened()
            connection.execute("BEGIN IMMEDIATE")
            begun = True
            for call in calls:
                _attempt(connection, call)
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            # A file that was taken away, a full disk: nothing of this was written.
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


def _attempt(connection: sqlite3.Connection, call: _Call) -> None:
    """Do one piece of work; where it fails by itself, the others stay."""
    call.error = None
    connection.execute("SAVEPOINT one")
    try:
        call.result = call.work(connection)
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - it belongs to whoever gave the work
        call.error = error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")


def _answer(calls: Sequence[_Call]) -> None:
    for call in calls:
        if call.answer.done():
            continue
        if call.error is not None:
            call.answer.set_exception(call.error)
        else:
            call.answer.set_result(call.result)
