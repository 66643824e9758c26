"""Records on disk: bounded, private, and never in anybody's way."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from deployments.telemetry.records import Keep, Record
from deployments.telemetry.records_files import PARTS, RecordFiles
from deployments.telemetry.records_read import RecordsError, read_records, record_files
from deployments.telemetry.records_writer import WAITING, RecordWriter

MIB = 2**20
DAY_S = 86_400.0


def record(name: str = "r1", **changed: object) -> Record:
    fields = {"request_id": name, "at_s": 1.0, "node": "kept", "entry": "auto", "endpoint": "chat"}
    return Record(**{**fields, "outcome": "ok", "duration_s": 1.0, **changed})  # type: ignore[arg-type]


class Counts:
    """Counts what became of records, and lets a test wait for it."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def __call__(self, node: str, outcome: str) -> None:
        self.seen[outcome] += 1

    def wait(self, total: int) -> None:
        end_s = time.monotonic() + 20
        while self.seen.total() < total and time.monotonic() < end_s:
            time.sleep(0.005)
        assert self.seen.total() >= total


def test_what_is_written_is_read_back(tmp_path):
    """Every field survives, and a default takes no room."""
    counts = Counts()
    writer = RecordWriter(tmp_path / "records", "gw#1/x", counts)
    full = record("r2", arms={"ab": "moe"}, path=("a", "b"), body={"messages": []}, answer="é😀", score=0.5)
    for one in (record(), full):
        writer.add(one, Keep())
    writer.close()
    assert list(read_records(tmp_path / "records")) == [record(), full]
    assert counts.seen == {"written": 2}
    (file,) = record_files(tmp_path / "records")
    assert b"score" not in file.read_bytes().splitlines()[0]


def test_only_the_owner_may_read(tmp_path):
    """Prompts are not for other users of the machine."""
    writer = RecordWriter(tmp_path / "records", "gw", Counts())
    writer.add(record(), Keep())
    writer.close()
    (file,) = record_files(tmp_path / "records")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_the_total_is_bounded(tmp_path):
    """However much is written, what is kept stays within the bound, and it is the newest."""
    files, keep = RecordFiles(tmp_path, "kept", "gw"), Keep(bytes=MIB)
    line = b"x" * 9_999 + b"\n"
    for at in range(400):
        files.append(b"%06d" % at + line[6:], keep, 1e9 + at)
    files.close()
    kept = sorted(tmp_path.glob("*.jsonl"), key=lambda file: file.stat().st_mtime_ns)
    assert sum(file.stat().st_size for file in kept) <= MIB
    assert sum(file.stat().st_size for file in kept) > MIB * (1 - 3 / PARTS)
    assert kept[-1].read_bytes().splitlines()[-1].startswith(b"000399")


def test_old_files_go(tmp_path):
    """What is older than the days that are kept is removed, other nodes' files are not."""
    old, other = tmp_path / "kept.1.gw.jsonl", tmp_path / "kept%2Ethree.1.gw.jsonl"
    for file in (old, other):
        file.write_bytes(b"{}\n")
        os.utime(file, (1e9, 1e9))
    files = RecordFiles(tmp_path, "kept", "gw")
    files.append(b"{}\n", Keep(days=2), 1e9 + 2.5 * DAY_S)
    files.close()
    assert not old.exists()
    assert other.exists()


def _aged(folder: Path, name: str, days: float, now_s: float | None = None) -> Path:
    file, then_s = folder / name, (time.time() if now_s is None else now_s) - days * DAY_S
    folder.mkdir(exist_ok=True)
    file.write_bytes(b"{}\n")
    os.utime(file, (then_s, then_s))
    return file


def _gone(*files: Path) -> bool:
    end_s = time.monotonic() + 20
    while any(file.exists() for file in files) and time.monotonic() < end_s:
        time.sleep(0.005)
    return not any(file.exists() for file in files)


def test_old_files_of_every_node_go_at_the_start(tmp_path):
    """Also those of nodes that nobody asks any more; each node's own days hold, the default's for unknown nodes."""
    gone = [_aged(tmp_path, "brief.1.gw.jsonl", 1.1), _aged(tmp_path, "left.1.other.jsonl", 7.1)]
    stays = [
        _aged(tmp_path, "brief.2.gw.jsonl", 0.9),
        _aged(tmp_path, "a%2Eb.1.gw.jsonl", 30),
        _aged(tmp_path, "left.2.gw.jsonl", 6.9),
        _aged(tmp_path, "somebodys.jsonl", 1000),
    ]
    writer = RecordWriter(tmp_path, "gw", Counts())
    writer.follow({"brief": Keep(days=1), "a.b": Keep(days=31)})
    assert _gone(*gone)
    writer.close()
    assert all(file.exists() for file in stays)


def test_old_files_go_though_nothing_is_written_any_more(tmp_path):
    """A node without traffic keeps nothing for longer than one with."""
    writer = RecordWriter(tmp_path, "gw", Counts(), prune_every_s=0.01)
    writer.follow({"kept": Keep(days=1)})
    for at in range(3):
        assert _gone(_aged(tmp_path, f"kept.{at}.gw.jsonl", 1.1))
    young = _aged(tmp_path, "kept.9.gw.jsonl", 0.9)
    time.sleep(0.05)
    assert young.exists()
    writer.follow({"kept": Keep(days=0.5)})
    assert _gone(young)
    writer.close()


@pytest.mark.parametrize(("days", "most_s"), [(7, 3600 + 120), (0.1, 0.1 * DAY_S / PARTS + 120)])
def test_a_record_does_not_outlive_its_days_by_much(tmp_path, days, most_s):
    """With a line a minute no file spans so long that its first line stays on."""
    files, keep = RecordFiles(tmp_path, "kept", "gw"), Keep(days=days)
    first_s: dict[str, float] = {}
    for at_s in range(0, 4 * 3600, 60):
        files.append(b"x\n", keep, 1e9 + at_s)
        for path in tmp_path.glob("*.jsonl"):
            first_s.setdefault(path.name, at_s)
    files.close()
    starts = sorted(first_s.values())
    assert max(later - start for start, later in pairwise(starts)) <= most_s


def test_a_name_cannot_lead_out_of_the_folder(tmp_path):
    """Names of nodes and gateways are parts of a file's name and nothing more."""
    files = RecordFiles(tmp_path / "records", "../../[x]*", "../gw")
    files.append(b"{}\n", Keep(), 1e9)
    files.close()
    assert [file.parent for file in tmp_path.rglob("*.jsonl")] == [tmp_path / "records"]


def test_a_file_that_was_removed_is_not_written_into_any_more(tmp_path):
    """Another gateway may have made room; what comes later must not be lost with it."""
    files = RecordFiles(tmp_path, "kept", "gw")
    files.append(b"1\n", Keep(), 1e9)
    for file in tmp_path.glob("*.jsonl"):
        file.unlink()
    files.append(b"2\n", Keep(), 1e9 + 1)
    files.close()
    assert [file.read_bytes() for file in tmp_path.glob("*.jsonl")] == [b"2\n"]


def test_adding_never_waits_and_drops_are_counted(tmp_path):
    """With a disk that hangs the queue fills up, and then records are dropped at once."""
    go, counts = threading.Event(), Counts()

    def hanging_clock() -> float:
        assert go.wait(20)
        return 1e9

    writer = RecordWriter(tmp_path / "records", "gw", counts, utc_s=hanging_clock)
    began_s = time.monotonic()
    for at in range(WAITING + 50):
        writer.add(record(f"r{at}"), Keep())
    assert time.monotonic() - began_s < 10
    dropped = counts.seen["dropped"]
    assert 49 <= dropped <= 50
    go.set()
    writer.close()
    assert counts.seen == {"dropped": dropped, "written": WAITING + 50 - dropped}


def test_a_disk_that_refuses_costs_records_and_nothing_else(tmp_path):
    """The writer goes on and writes again once it can."""
    place, counts = tmp_path / "records", Counts()
    place.write_text("in the way")
    writer = RecordWriter(place, "gw", counts)
    writer.add(record(), Keep())
    counts.wait(1)
    place.unlink()
    writer.add(record("r2"), Keep())
    writer.close()
    assert counts.seen == {"failed": 1, "written": 1}
    assert [one.request_id for one in read_records(place)] == ["r2"]


def test_what_json_cannot_hold_costs_that_record_alone(tmp_path):
    """Half a surrogate pair cannot be written."""
    counts = Counts()
    writer = RecordWriter(tmp_path / "records", "gw", counts)
    writer.add(record(body={"a": "\ud800"}), Keep())
    writer.add(record("r2"), Keep())
    writer.close()
    assert counts.seen == {"failed": 1, "written": 1}


def test_without_a_folder_everything_is_dropped():
    """A gateway that was given nowhere to write says so in its metrics."""
    counts = Counts()
    writer = RecordWriter(None, "gw", counts)
    writer.add(record(), Keep())
    writer.close()
    assert counts.seen == {"dropped": 1}


def test_reading_names_the_line_that_is_wrong(tmp_path):
    """A foreign file is told as such; a last line that is still being written is not an error."""
    good = tmp_path / "good.jsonl"
    writer = RecordWriter(tmp_path / "records", "gw", Counts())
    writer.add(record(), Keep())
    writer.close()
    (file,) = record_files(tmp_path / "records")
    good.write_bytes(file.read_bytes() + b'{"request_id": "r2", "at_')
    assert [one.request_id for one in read_records(good)] == ["r1"]
    bad = Path(tmp_path / "bad.jsonl")
    bad.write_bytes(file.read_bytes() + b'{"hello": 1}\n')
    with pytest.raises(RecordsError, match=r"bad\.jsonl:2: is not a record"):
        list(read_records(bad))
