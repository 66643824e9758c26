"""The audit trail as a gateway sees it: a record for each request, durable before the request is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from deployments.audit.committer import Committer, Entry
from deployments.audit.journal import Journal, Writer
from deployments.audit.lines import Record
from deployments.audit.settings import AuditSettings
from deployments.audit.state import AuditMeter, AuditState, Unmetered
from deployments.errors import AuditUnavailable
from deployments.telemetry.logs import event

# More would mean that the disk has hung for long: a busy gateway ends some hundred requests a second.
MOST_WAITING = 4096
# A disk that has said nothing for so long is away: records beyond the room for them are lost.
_AWAY_AFTER_S = 1.0
# The part of the buffer that is for what records are made of; the rest is for records.
_SOURCES = 0.5
_COMPLAIN_EVERY_S = 60.0
_RETRY_AFTER_S = 5.0


class Audit:
    """Keeps records in *folder*. Nothing here blocks the event loop but ``close``, which waits in a thread.

    ``admit`` before anything is generated, ``record`` when it has been, and ``settled`` before the last byte; a request
    is ``owing`` between the first two.
    """

    def __init__(
        self, folder: Path, settings: AuditSettings, writer: Writer,
        *, meter: AuditMeter | None = None, wall: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.settings = settings
        self._meter = meter or Unmetered()
        journal = Journal(folder, settings, writer, wall=wall)
        self._committer = Committer(journal, settings.buffer, settings.checkpoint, self._meter, wall=wall)
        self._waiting = self._waiting_bytes = self._owing = 0
        self._none_owing = asyncio.Event()
        self._none_owing.set()
        self._heard_s = float("-inf")
        self._late = self._closed = False
        self._complained_s = float("-inf")
        self._meter.audit_up(True)
        self._committer.start()

    @property
    def state(self) -> AuditState:
        """Return how it is going."""
        state = self._committer.state
        fault = state.fault or ("the disk does not answer" if self._late else "")
        return replace(state, fault=fault, waiting=state.waiting + self._waiting)

    def admit(self) -> None:
        """Let a request begin; raises AuditUnavailable where it could not be recorded and must be."""
        if self.settings.on_failure == "refuse" and not (state := self.state).ok:
            self._refuse(state.fault)

    @contextmanager
    def owing(self) -> Iterator[None]:
        """Count a request whose record is still to come, for which ``retire`` waits."""
        self._owing += 1
        self._none_owing.clear()
        try:
            yield
        finally:
            self._owing -= 1
            if not self._owing:
                self._none_owing.set()

    def record(self, make: Callable[[], Record], size: int, source: int = 0) -> Entry:
        """Have a record kept, which takes about *size* bytes; *make* is called in another thread.

        What it is made of takes about *source* bytes until then. Where too much of that waits for the disk, the record
        is made at once.
        """
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._closed or self._full(size):
            self._lose()
            told.set_result(False)
            return Entry(make, size, told)
        held = max(size, source)
        if held > size and self._waiting_bytes + held > self.settings.buffer * _SOURCES:
            make, held = _made(make), size
        if not self._waiting:
            self._heard_s = time.monotonic()
        self._waiting += 1
        self._waiting_bytes += held
        told.add_done_callback(lambda _: self._told(held))
        entry = Entry(make, size, told)
        self._committer.put(entry)
        return entry

    async def settled(self, entry: Entry) -> None:
        """Return once the record is on the disk, or need not be; raises AuditUnavailable where it has to be."""
        if await self._on_disk(entry):
            return
        fault = self.state.fault or "the record could not be written"
        if self.settings.on_failure == "refuse":
            self._refuse(fault)
        self._meter.audited("late", 1)
        self._complain(fault)

    async def _on_disk(self, entry: Entry) -> bool:
        if self.settings.on_failure == "degrade" and not self.state.ok:
            return entry.told.done() and entry.told.result()  # nobody waits for a disk that is known to be away
        if not entry.told.done():
            await asyncio.wait([entry.told], timeout=self.settings.wait)
        if entry.told.done():
            return entry.told.result()
        self._late = True
        return False

    async def retire(self, within_s: float) -> None:
        """Close once no request owes its record any more, in *within_s* seconds at most; another trail is current."""
        self._committer.current = False
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._none_owing.wait()
        await self.close()

    async def close(self) -> None:
        """Write what waits, sign it, and let go of the file; a few seconds at most."""
        self._closed = True
        await asyncio.to_thread(self._committer.close)

    def _full(self, size: int) -> bool:
        """Say whether there is no room for a record; a disk that answers makes room by itself."""
        if self._waiting >= MOST_WAITING:
            return True
        away = self._waiting > 0 and time.monotonic() - self._heard_s >= _AWAY_AFTER_S
        return away and self._waiting_bytes + self._committer.backlog_bytes + size > self.settings.buffer

    def _lose(self) -> None:
        if self._closed:  # nobody is left to tell of it in the chain
            self._meter.audited("lost", 1)
            self._complain("the trail was closed before the record came")
        else:
            self._late = self._late or self._waiting >= MOST_WAITING
            self._committer.lose()

    def _told(self, held: int) -> None:
        """Note that the disk has answered, be it with an error: that is in the committer's state, and ends there."""
        self._waiting -= 1
        self._waiting_bytes -= held
        self._heard_s = time.monotonic()
        self._late = False

    def _refuse(self, fault: str) -> None:
        self._meter.audited("refused", 1)
        self._complain(fault)
        raise AuditUnavailable("what is generated here must be recorded, and cannot be", retry_after_s=_RETRY_AFTER_S)

    def _complain(self, fault: str) -> None:
        now_s = time.monotonic()
        if now_s - self._complained_s > _COMPLAIN_EVERY_S:
            self._complained_s = now_s
            event("audit_unavailable", logging.ERROR, on_failure=self.settings.on_failure, reason=fault)


def _made(make: Callable[[], Record]) -> Callable[[], Record]:
    """Make a record now, so that what it is made of can go; where that fails, the thread will meet the same fault."""
    with suppress(Exception):
        record = make()
        return lambda: record
    return make
