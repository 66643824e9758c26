"""The audit trail as a gateway sees it: a record for each request, durable before the request is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
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
_COMPLAIN_EVERY_S = 60.0
_RETRY_AFTER_S = 5.0


class Audit:
    """Keeps records in *folder*. Nothing here blocks the event loop but ``close``, which waits in a thread.

    ``admit`` before anything is generated, ``record`` when it has been, and ``settled`` before the last byte.
    """

    def __init__(
        self, folder: Path, settings: AuditSettings, writer: Writer,
        *, meter: AuditMeter | None = None, wall: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.settings = settings
        self._meter = meter or Unmetered()
        journal = Journal(folder, settings, writer, wall=wall)
        self._committer = Committer(journal, settings.buffer, settings.checkpoint, self._meter, wall=wall)
        self._waiting = 0
        self._late = False
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

    def record(self, make: Callable[[], Record], size: int) -> Entry:
        """Have a record kept; *make* is called in another thread, and *size* is about what it takes in bytes."""
        entry = Entry(make, size, asyncio.get_running_loop().create_future())
        if self._waiting >= MOST_WAITING:
            self._committer.lose()
            self._late = True
            entry.told.set_result(False)
            return entry
        self._waiting += 1
        entry.told.add_done_callback(self._told)
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
        try:
            async with asyncio.timeout(self.settings.wait):
                return await asyncio.shield(entry.told)
        except TimeoutError:
            self._late = True
            return False

    async def close(self) -> None:
        """Write what waits, sign it, and let go of the file; a few seconds at most."""
        await asyncio.to_thread(self._committer.close)

    def _told(self, told: asyncio.Future[bool]) -> None:
        self._waiting -= 1
        self._late = self._late and not (not told.cancelled() and told.result())

    def _refuse(self, fault: str) -> None:
        self._meter.audited("refused", 1)
        self._complain(fault)
        raise AuditUnavailable("what is generated here must be recorded, and cannot be", retry_after_s=_RETRY_AFTER_S)

    def _complain(self, fault: str) -> None:
        now_s = time.monotonic()
        if now_s - self._complained_s > _COMPLAIN_EVERY_S:
            self._complained_s = now_s
            event("audit_unavailable", logging.ERROR, on_failure=self.settings.on_failure, reason=fault)
