"""One thread that commits records in groups: what comes while the disk is busy goes out together."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from deployments.audit.journal import Journal
from deployments.audit.lines import Gap, Record
from deployments.audit.state import AuditMeter, AuditState
from deployments.handover import Handover
from deployments.telemetry.logs import event

RETRY_S = 1.0
CLOSE_S = 10.0
_TICK_S = 0.25
_TOGETHER = 1024
# About what a record takes beside its texts.
_RECORD_BYTES = 1024


@dataclass(slots=True, eq=False)
class Entry:
    """A record on its way: made in the thread, and ``told`` on the loop of whoever waits once its fate is known."""

    make: Callable[[], Record]
    size: int
    told: asyncio.Future[bool] = field(repr=False)


_LOST = Entry(lambda: Gap(at_s=0.0, lost=0, since_s=0.0, reason=""), 0, cast("asyncio.Future[bool]", None))


class Committer:
    """Takes entries from one event loop; *most_bytes* of them may wait for a disk that is away.

    An entry is told True once it is on the disk, and False where that failed: then it is kept until it can be written,
    or counted as lost where there is no room. One that is not ``current`` any more leaves it to another to say in the
    metrics whether records can be kept.
    """

    def __init__(
        self, journal: Journal, most_bytes: int, checkpoint_s: float, meter: AuditMeter,
        *, wall: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._journal, self._most_bytes, self._checkpoint_s = journal, most_bytes, checkpoint_s
        self._meter, self._wall = meter, wall
        self._entries: Handover[Entry] = Handover()
        self._backlog: deque[tuple[Record, int]] = deque()
        self._backlog_bytes = self._lost = 0
        self._lost_since_s = self._retry_s = 0.0
        self._lost_why = ""
        self._thread: threading.Thread | None = None
        self._closing = self._begun = False
        self.current = True
        self.state = AuditState()

    @property
    def backlog_bytes(self) -> int:
        """Return about how many bytes of records are kept until the disk is back."""
        return self._backlog_bytes

    def put(self, entry: Entry) -> None:
        """Have an entry committed."""
        self.start()
        self._entries.put(entry)

    def start(self) -> None:
        """Begin, so that the first request need not wait for a file; nothing to do where it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Commit what waits and sign it, for a few seconds at most. Blocks."""
        if self._thread is not None:
            self._closing = True
            self._entries.wake()
            self._thread.join(CLOSE_S)

    def lose(self) -> None:
        """Count a record that was never made, because too many waited."""
        self._entries.put(_LOST)

    def _run(self) -> None:
        while not self._closing or self._entries:
            self._commit(self._taken())
            self._tend()
        self._finish()

    def _taken(self) -> list[Entry]:
        """Return what waits, at least one unless nothing comes for a while."""
        found: list[Entry] = []
        for entry in self._entries.take(_TOGETHER, _TICK_S if self._begun else 0):
            if entry is _LOST:
                self._count_lost("too many records waited for the disk")
            else:
                found.append(entry)
        return found

    def _commit(self, entries: list[Entry]) -> None:
        entries, records = self._made(entries)
        if not self.state.ok and time.monotonic() < self._retry_s:
            self._failed(entries, records, self.state.fault)
            return
        if self._begun and not entries and self.state.ok and not self._lost:
            return
        began_s = time.perf_counter()
        try:
            before = [record for record, _ in self._backlog]
            self._journal.append([*self._gap(), *before, *(record for record, _ in records)])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the disk or the key, requests are told
            self._failed(entries, records, self._fault(error))
            return
        if before or entries:
            self._meter.audit_commit(len(before) + len(entries), time.perf_counter() - began_s)
            self._meter.audited("written", len(before) + len(entries))
        self._backlog.clear()
        self._backlog_bytes = self._lost = 0
        self._begun = True
        self._set(AuditState())
        _tell(entries, on_disk=True)

    def _made(self, entries: list[Entry]) -> tuple[list[Entry], list[tuple[Record, int]]]:
        """Return the records with their sizes, and the entries that they are of: a fault in one leaves the others."""
        made: list[tuple[Record, int]] = []
        sound: list[Entry] = []
        for entry in entries:
            try:
                made.append((entry.make(), entry.size))
                sound.append(entry)
            except Exception as error:  # noqa: BLE001 - told in the chain as a lost record
                self._count_lost(f"a record could not be made: {type(error).__name__}: {error}")
                _tell([entry], on_disk=False)
        return sound, made

    def _tend(self) -> None:
        """See to signatures and old files."""
        if not self.state.ok:
            return
        try:
            since_s = self._journal.unsigned_since_s
            if since_s is not None and abs(self._wall() - since_s) >= self._checkpoint_s:
                self._journal.sign()
            self._journal.look_after()
        except Exception as error:  # noqa: BLE001 - as above
            self._failed([], [], self._fault(error))

    def _fault(self, error: Exception) -> str:
        self._retry_s = time.monotonic() + RETRY_S
        self._begun = True
        return f"{type(error).__name__}: {error}"

    def _gap(self) -> list[Record]:
        if not self._lost:
            return []
        return [Gap(at_s=self._wall(), lost=self._lost, since_s=self._lost_since_s, reason=self._lost_why)]

    def _failed(self, entries: list[Entry], records: list[tuple[Record, int]], fault: str) -> None:
        for record, size in records:
            if self._backlog_bytes + size > self._most_bytes:
                self._count_lost(fault)
                continue
            self._backlog.append((record, size))
            self._backlog_bytes += size
        since_s = self._wall() if self.state.ok else self.state.since_s
        self._set(AuditState(fault=fault, since_s=since_s, waiting=len(self._backlog), lost=self._lost))
        _tell(entries, on_disk=False)

    def _count_lost(self, why: str) -> None:
        self._lost_why = why
        self._lost_since_s = self._lost_since_s if self._lost else self._wall()
        self._lost += 1
        self._meter.audited("lost", 1)

    def _set(self, state: AuditState) -> None:
        if state.ok != self.state.ok:
            if self.current:
                self._meter.audit_up(state.ok)
            if not state.ok:
                event("audit_failed", logging.ERROR, reason=state.fault)
        self.state = state

    def _finish(self) -> None:
        self._retry_s = 0.0
        try:
            self._commit([])
            self._journal.close()
        except Exception as error:  # noqa: BLE001 - it was told already that the disk is away
            self._set(AuditState(fault=repr(error), since_s=self._wall(), waiting=len(self._backlog), lost=self._lost))


def size_of(text: int) -> int:
    """Return about how many bytes a record with so many characters of text takes."""
    return _RECORD_BYTES + text


def _tell(entries: list[Entry], *, on_disk: bool) -> None:
    """Tell everybody at once: to wake a loop costs as much as a record."""
    if not entries:
        return
    loop = entries[0].told.get_loop()

    def tell() -> None:
        for entry in entries:
            if not entry.told.done():
                entry.told.set_result(on_disk)

    try:
        loop.call_soon_threadsafe(tell)
    except RuntimeError:
        return  # the loop has ended, and everybody who waited with it
