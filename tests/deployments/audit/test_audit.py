"""Nothing is acknowledged that is not recorded: slow disks, full disks, and processes that are killed."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from deployments.audit import audit as audit_file
from deployments.audit import journal as journal_file
from deployments.audit.lines import Answered, Begin
from deployments.errors import AuditUnavailable
from tests.deployments.audit.keeping import answered, auditing, checked, keep, names, records, settings


class Meter:
    """Keeps what was told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.ups: list[bool] = []
        self.commits: list[int] = []

    def audited(self, outcome: str, count: int) -> None:
        self.counts[outcome] += count

    def audit_up(self, up: bool) -> None:
        self.ups.append(up)

    def audit_commit(self, records: int, seconds: float) -> None:
        self.commits.append(records)


async def until(true: object, within_s: float = 10.0) -> None:
    end_s = time.monotonic() + within_s
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end_s, "did not come true in time"
        await asyncio.sleep(0.01)


async def test_a_settled_record_is_in_the_file(tmp_path: Path) -> None:
    """And all of them in the order in which they were made."""
    async with auditing(tmp_path) as audit:
        for at in range(20):
            await keep(audit, f"r{at}")
            assert names(tmp_path)[-1] == f"r{at}"
    assert checked(tmp_path).findings == []


async def test_records_that_come_together_are_written_together(tmp_path: Path) -> None:
    """A hundred at once cost a few writes, not a hundred."""
    meter = Meter()
    async with auditing(tmp_path, meter) as audit:
        await keep(audit, "first")
        await asyncio.gather(*(keep(audit, f"r{at}") for at in range(100)))
        assert audit.state.waiting == 0
    assert sum(meter.commits) == 101
    assert len(meter.commits) < 20
    assert meter.counts == {"written": 101}


async def test_the_loop_goes_on_while_the_disk_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second in the disk is none of anybody else's."""

    def slow(fd: int) -> None:
        time.sleep(0.5)

    async with auditing(tmp_path) as audit:
        await keep(audit, "first")
        monkeypatch.setattr(os, "fdatasync", slow)
        entry = asyncio.create_task(keep(audit, "r"))
        beats = 0
        while not entry.done():
            await asyncio.sleep(0.005)
            beats += 1
        assert beats > 10
        monkeypatch.undo()


class Full:
    """A disk that can be filled and emptied: nobody may write to a file of any size."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._write, self.full = os.write, False
        monkeypatch.setattr(journal_file.AppendOnly, "append", self._append(journal_file.AppendOnly.append))

    def _append(self, real: object) -> object:
        def append(file: object, data: bytes) -> None:
            if self.full:
                os.write(file._fd, data[: len(data) // 2])  # type: ignore[attr-defined]
                raise OSError(28, "No space left on device")
            real(file, data)  # type: ignore[operator]

        return append


async def test_refuse_takes_nothing_that_it_cannot_record_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was answered is recorded, who was not is told so; all records that were made are kept in the end."""
    disk, meter = Full(monkeypatch), Meter()
    async with auditing(tmp_path, meter) as audit:
        await keep(audit, "before")
        disk.full = True
        with pytest.raises(AuditUnavailable):
            await keep(audit, "refused")
        with pytest.raises(AuditUnavailable) as caught:
            audit.admit()
        assert caught.value.retry_after_s
        assert "No space left" in audit.state.fault
        disk.full = False
        await until(lambda: audit.state.ok)
        audit.admit()
        await keep(audit, "after")
        assert meter.ups == [True, False, True]
    verdict = checked(tmp_path)
    assert not verdict.problems
    assert sorted(names(tmp_path)) == ["after", "before", "refused"]
    later = [line.record for line in records(tmp_path) if isinstance(line.record, Begin)][-1]
    assert later.after is not None, "the chain after a fault says where the one before ended"


async def test_degrade_answers_and_says_what_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a disk that is away; what there is room for is kept, and the rest is told of in the chain."""
    disk, meter = Full(monkeypatch), Meter()
    wait_s = 30.0
    async with auditing(tmp_path, meter, on_failure="degrade", buffer="64KiB", wait=wait_s) as audit:
        await keep(audit, "before")
        disk.full = True
        began_s = time.monotonic()
        for at in range(200):
            audit.admit()
            await keep(audit, f"r{at}")
        assert time.monotonic() - began_s < wait_s, "200 requests took less than what one may wait for the disk"
        await until(lambda: audit.state.lost)
        disk.full = False
        await until(lambda: audit.state.ok)
        await keep(audit, "after")
    verdict = checked(tmp_path)
    assert not verdict.problems
    assert verdict.lost == meter.counts["lost"] > 0
    assert verdict.answers + verdict.lost == 202
    assert meter.counts["late"] == 200


async def test_a_disk_that_hangs_is_not_waited_for_by_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request waits as long as it may; then new ones are refused, until the disk answers."""
    hang_s = 1.0
    async with auditing(tmp_path, wait=0.1) as audit:
        await keep(audit, "before")
        monkeypatch.setattr(os, "fdatasync", lambda fd: time.sleep(hang_s))
        with pytest.raises(AuditUnavailable):
            await keep(audit, "late")
        with pytest.raises(AuditUnavailable):
            audit.admit()
        monkeypatch.undo()
        await until(lambda: audit.state.ok)
        audit.admit()
    assert names(tmp_path) == ["before", "late"]


async def test_a_write_that_hangs_and_then_fails_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is an answer too: requests are taken again once the disk is back."""

    def broken(fd: int) -> None:
        time.sleep(0.3)
        raise OSError(5, "Input/output error")

    async with auditing(tmp_path, wait=0.05) as audit:
        await keep(audit, "before")
        monkeypatch.setattr(os, "fdatasync", broken)
        with pytest.raises(AuditUnavailable):
            await keep(audit, "late")
        await until(lambda: "Input/output" in audit.state.fault)
        monkeypatch.undo()
        await until(lambda: audit.state.ok)
        audit.admit()
        await keep(audit, "after")
    assert sorted(names(tmp_path)) == ["after", "before", "late"]


class Held:
    """What a record is made of."""


def made_of(held: Held, name: str, made: weakref.WeakSet[Held]) -> Callable[[], Answered]:
    made.add(held)
    return lambda: answered(name, tenant=type(held).__name__)


@pytest.mark.parametrize("policy", ["hash", "full"])
async def test_what_waits_for_a_disk_that_hangs_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """Whether a record holds texts or only their hashes, no more of them stay in memory than there is room for."""
    hangs = threading.Event()
    monkeypatch.setattr(audit_file, "_AWAY_AFTER_S", 0.0)
    alive: weakref.WeakSet[Held] = weakref.WeakSet()
    async with auditing(tmp_path, on_failure="degrade", wait=0.05, buffer="64KiB") as audit:
        await keep(audit, "before")
        await until(lambda: audit.state.ok and not audit.state.waiting)  # a busy disk may have taken longer
        monkeypatch.setattr(os, "fdatasync", lambda fd: hangs.wait(10) and None)
        for at in range(40):
            size = 10_000 if policy == "full" else 500
            audit.record(made_of(Held(), f"r{at}", alive), size, 10_000)
        assert len(alive) * 10_000 <= 2**16
        assert audit.state.waiting == (6 if policy == "full" else 40)
        hangs.set()
        monkeypatch.undo()
        await until(lambda: audit.state.ok and not audit.state.waiting)
        await keep(audit, "after")
    verdict = checked(tmp_path)
    assert verdict.lost == (34 if policy == "full" else 0)
    assert verdict.answers + verdict.lost == 42


async def test_a_burst_on_a_disk_that_answers_loses_nothing(tmp_path: Path) -> None:
    """The bound is for a disk that is away."""
    async with auditing(tmp_path, buffer="64KiB") as audit:
        entries = [audit.record(lambda: answered("r"), 10_000, 10_000) for _ in range(100)]
        await asyncio.gather(*map(audit.settled, entries))
    assert len(names(tmp_path)) == 100


async def test_a_trail_is_retired_when_every_request_has_its_record(tmp_path: Path) -> None:
    """Or has had the time for it; a record that comes later still is told to be lost, at once."""
    meter = Meter()
    async with auditing(tmp_path, meter, wait=60) as audit:
        with audit.owing():
            retired = asyncio.create_task(audit.retire(60))
            await asyncio.sleep(0.05)
            assert not retired.done()
            await keep(audit, "owed")
        await asyncio.wait_for(retired, 10)
        assert names(tmp_path) == ["owed"]
        with pytest.raises(AuditUnavailable):
            await asyncio.wait_for(keep(audit, "too late"), 10)
    assert meter.counts["lost"] == 1
    async with auditing(tmp_path) as other:
        with other.owing():
            await asyncio.wait_for(other.retire(0.01), 10)


async def test_a_folder_that_was_removed_is_begun_anew(tmp_path: Path) -> None:
    """A file that nobody can find is no record."""
    folder = tmp_path / "audit"
    async with auditing(folder) as audit:
        await keep(audit, "before")
        await asyncio.to_thread(shutil.rmtree, folder)
        with pytest.raises(AuditUnavailable):
            await keep(audit, "refused")
        await until(lambda: audit.state.ok)
        await keep(audit, "after")
    assert set(names(folder)) == {"refused", "after"}
    assert "the chain is missing" in checked(folder).problems[0].what


async def test_a_record_that_cannot_be_written_keeps_the_others(tmp_path: Path) -> None:
    """Half a character in a prompt: the record is kept without it, and says so."""
    async with auditing(tmp_path) as audit:
        await audit.settled(audit.record(lambda: answered("half", prompt={"a": "\ud800"}), 1024))
        await keep(audit, "whole")
    half = next(line.record for line in records(tmp_path) if getattr(line.record, "request_id", "") == "half")
    assert half.prompt is None  # type: ignore[union-attr]
    assert "could not be kept" in half.notes["audit"]  # type: ignore[union-attr]
    assert not checked(tmp_path).findings


async def test_a_record_whose_making_fails_is_counted(tmp_path: Path) -> None:
    """A fault in the code must not end the keeping of records, nor pass for a record."""
    meter = Meter()

    def broken() -> object:
        raise ValueError("a fault in the code")

    async with auditing(tmp_path, meter) as audit:
        with pytest.raises(AuditUnavailable):
            await audit.settled(audit.record(broken, 1024))  # type: ignore[arg-type]
        await until(lambda: audit.state.ok)
        await keep(audit, "next")
    assert meter.counts["lost"] == 1
    assert checked(tmp_path).lost == 1


async def test_a_key_that_is_none_is_told(tmp_path: Path) -> None:
    """As the reason why nothing is recorded."""
    key = tmp_path / "key.pem"
    key.write_text("no key")
    async with auditing(tmp_path / "audit", key_file=str(key)) as audit:
        await until(lambda: not audit.state.ok)
        assert "private key in PEM" in audit.state.fault


WORKER = """
import asyncio, resource, signal, sys
from pathlib import Path
from tests.deployments.audit.keeping import auditing, keep
from deployments.errors import AuditUnavailable

async def one(audit, at):
    try:
        await keep(audit, f"{sys.argv[2]}-{at}")
        sys.stdout.write(f"{sys.argv[2]}-{at}\\n")
        sys.stdout.flush()
    except AuditUnavailable:
        await asyncio.sleep(0.01)

async def main():
    if len(sys.argv) > 3:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
    async with auditing(Path(sys.argv[1]), file="64KiB", checkpoint="50ms") as audit:
        for at in range(0, 10**9, 8):
            await asyncio.gather(*(one(audit, at + more) for more in range(8)))

asyncio.run(main())
"""


def killed_after(folder: Path, names: list[str], seconds: list[float], *more: str) -> list[str]:
    """Run gateways that acknowledge as fast as they may, kill them, and return what they have acknowledged."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), name, *more],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
        )
        for name in names
    ]
    told = [worker.stdout.readline() for worker in workers if worker.stdout is not None]
    for worker, after_s in zip(workers, seconds, strict=True):
        time.sleep(after_s)
        worker.send_signal(signal.SIGKILL)
    told += [worker.communicate()[0] for worker in workers]
    return b"".join(told).decode().split()


def test_every_acknowledged_request_has_a_record_after_a_kill(tmp_path: Path) -> None:
    """At random moments, two gateways in one folder, again and again; the chains verify."""
    seeded, acknowledged = random.Random(7), []
    for at in range(2):
        moments = [seeded.uniform(0.05, 0.5) for _ in range(2)]
        acknowledged += killed_after(tmp_path, [f"a{at}", f"b{at}"], moments)
    assert len(acknowledged) > 100
    kept = names(tmp_path)
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))
    verdict = checked(tmp_path)
    assert verdict.problems == []
    assert len(verdict.ends) == 4


def test_a_disk_that_takes_no_more_in_the_middle_of_a_line(tmp_path: Path) -> None:
    """A real limit of the system: writes stop half-way; what was acknowledged is there, and the chains verify."""
    acknowledged = killed_after(tmp_path, ["g"], [0.5], "20000")
    kept = names(tmp_path)
    assert acknowledged
    assert set(acknowledged) <= set(kept)
    assert not checked(tmp_path).problems


def test_on_or_off() -> None:
    """A bare word is enough."""
    assert settings().enabled
    assert type(settings()).model_validate(True).enabled
    assert not type(settings())().enabled
    with pytest.raises(ValueError, match="on_failure"):
        settings(on_failure="ignore")
