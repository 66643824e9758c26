"""Write records beside the requests: a bounded queue, and one thread that encodes, writes and removes old files."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from deployments.telemetry.logs import event
from deployments.telemetry.records import Keep, Record
from deployments.telemetry.records_files import RecordFiles, prune_old

WAITING = 512
CLOSE_S = 5.0
_COMPLAIN_EVERY_S = 60.0
PRUNE_EVERY_S = 300.0

Counted = Callable[[str, str], None]


class RecordWriter:
    """Takes records from any thread and never makes a caller wait; ``close`` writes what is left and ends the thread.

    *counted* is told the node and what became of each of its records: ``written``, ``dropped`` where the queue was full
    or there is no *folder* to write to, ``failed`` where the disk or the encoder refused. Old files are removed every
    *prune_every_s* seconds from the first ``follow`` on, whether or not there is anything to write.
    """

    def __init__(
        self, folder: Path | None, writer: str, counted: Counted, *, utc_s: Callable[[], float] = time.time,
        prune_every_s: float = PRUNE_EVERY_S,
    ) -> None:  # fmt: skip
        self._folder, self._writer, self._counted, self._utc_s = folder, writer, counted, utc_s
        self._queue: queue.Queue[tuple[Record, Keep] | None] = queue.Queue(WAITING)
        self._files: dict[str, RecordFiles] = {}
        self._keeps: Mapping[str, Keep] | None = None
        self._prune_every_s = prune_every_s
        self._thread: threading.Thread | None = None
        self._closed = False
        self._complained_s = float("-inf")

    def follow(self, keeps: Mapping[str, Keep]) -> None:
        """Take what each node of the graph keeps."""
        self._keeps = dict(keeps)
        if self._folder is not None and not self._closed:
            self._start(self._folder)

    def add(self, record: Record, keep: Keep) -> None:
        """Have *record* written soon, or drop and count it."""
        if self._folder is None or self._closed:
            self._counted(record.node, "dropped")
            return
        self._start(self._folder)
        try:
            self._queue.put_nowait((record, keep))
        except queue.Full:
            self._counted(record.node, "dropped")

    def close(self) -> None:
        """Write what waits, a few seconds at most. Blocks."""
        self._closed = True
        if self._thread is None:
            return
        try:
            self._queue.put(None, timeout=CLOSE_S)
        except queue.Full:
            return  # a disk that hangs; the thread is a daemon and holds nobody up
        self._thread.join(CLOSE_S)

    def _start(self, folder: Path) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(folder,), name="records", daemon=True)
            self._thread.start()

    def _run(self, folder: Path) -> None:
        due_s = float("-inf")
        while True:
            if self._keeps is not None and time.monotonic() >= due_s:
                self._prune(folder, self._keeps)
                due_s = time.monotonic() + self._prune_every_s
            wait_s = self._prune_every_s if self._keeps is None else max(0.0, due_s - time.monotonic())
            try:
                entry = self._queue.get(timeout=wait_s)
            except queue.Empty:
                continue
            if entry is None:
                break
            self._keep(folder, *entry)
        for files in self._files.values():
            files.close()

    def _prune(self, folder: Path, keeps: Mapping[str, Keep]) -> None:
        try:
            prune_old(folder, keeps, self._utc_s())
        except Exception as error:  # noqa: BLE001 - what cannot be removed now may be the next time
            self._complain("", error)

    def _keep(self, folder: Path, record: Record, keep: Keep) -> None:
        try:
            files = self._files.get(record.node)
            if files is None:
                files = self._files[record.node] = RecordFiles(folder, record.node, self._writer)
            files.append(msgspec.json.encode(record) + b"\n", keep, self._utc_s())
        except Exception as error:  # noqa: BLE001 - a record that cannot be kept must not end the keeping of others
            self._counted(record.node, "failed")
            self._complain(record.node, error)
        else:
            self._counted(record.node, "written")

    def _complain(self, node: str, error: Exception) -> None:
        now_s = time.monotonic()
        if now_s - self._complained_s > _COMPLAIN_EVERY_S:
            self._complained_s = now_s
            event("record_failed", logging.WARNING, node=node, reason=repr(error))
