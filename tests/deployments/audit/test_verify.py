"""Whatever is done to the files afterwards is found, and what cannot be found is known."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from deployments.audit.files import Part, parts
from deployments.audit.lines import Gap, Place, Retired, decoded, encoded, hash_of
from deployments.audit.reading import last_place
from deployments.audit.signing import own_signer
from deployments.audit.verify import verify
from tests.deployments.audit.keeping import NOON_S, Clock, answered, checked, files, journal, names

COUNT = 12


def written(folder: Path, *, closed: bool = True, **options: Any) -> Path:
    """Have some records kept by one gateway."""
    clock = Clock()
    before = files(folder) if folder.exists() else []
    kept = journal(folder, clock, **options)
    for at in range(COUNT):
        clock.now_s += 0.3
        kept.append([answered(f"r{at}")])
    if closed:
        kept.close()
    else:
        kept.abandon()
    return next(path for path in files(folder) if path not in before)


def rewrite(path: Path, lines: list[bytes]) -> None:
    path.write_bytes(b"".join(lines))


def read(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_what_nobody_touched_is_sound(tmp_path: Path) -> None:
    """Records come in order, and every one is signed when the gateway ends."""
    written(tmp_path)
    verdict = checked(tmp_path)
    assert verdict.findings == []
    assert verdict.answers == COUNT
    assert names(tmp_path) == [f"r{at}" for at in range(COUNT)]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files(tmp_path))


def test_a_record_is_signed_soon(tmp_path: Path) -> None:
    """With records every 0.3 s and a checkpoint a second, at most four lines are not signed after a kill."""
    written(tmp_path, closed=False)
    [note] = checked(tmp_path).findings
    assert note.note
    assert int(note.what.partition("its last ")[2].split()[0]) <= 4


TAMPER = st.sampled_from(["edit", "remove", "swap", "insert", "double"])


@hypothesis(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(how=TAMPER, at=st.integers(0, 100), to=st.integers(0, 100))
def test_any_change_is_found(tmp_path_factory: pytest.TempPathFactory, how: str, at: int, to: int) -> None:
    """An edit, a removal, a swap or an insertion, of whichever line but the last ones that are not signed."""
    folder = tmp_path_factory.mktemp("audit")
    path = written(folder)
    lines = read(path)
    at, to = at % len(lines), to % len(lines)
    if how == "edit":
        lines[at] = lines[at].replace(b'"at_s":17', b'"at_s":18')
    elif how == "remove":
        del lines[at]
    elif how == "swap":
        if at == to:
            return
        lines[at], lines[to] = lines[to], lines[at]
    elif how == "double":
        lines.insert(to, lines[at])
    else:
        lines.insert(at, encoded(decoded(lines[at].strip())) + b" \n")
    rewrite(path, lines)
    if how == "remove" and at == len(lines):
        assert [one.note for one in checked(folder).findings] == [True], "the end alone is not there, which is told"
    else:
        assert checked(folder).problems
    shutil.rmtree(folder)


def test_who_rewrites_the_whole_rest_of_a_chain_is_found_by_the_signatures(tmp_path: Path) -> None:
    """Hashes are no secret; a checkpoint cannot be made without the key."""
    path = written(tmp_path)
    lines = [decoded(line.strip()) for line in read(path)]
    prev, rewritten = lines[3].prev, []
    for line in lines[3:]:
        record = line.record
        if getattr(record, "request_id", "") == "r2":
            record = answered("forged")
        data = encoded(type(line)(line.n, prev, record))
        prev = hash_of(data)
        rewritten.append(data + b"\n")
    rewrite(path, read(path)[:3] + rewritten)
    assert names(tmp_path)[2] == "forged"
    assert any("signature" in one.what for one in checked(tmp_path).problems)


def test_another_key_is_not_trusted(tmp_path: Path) -> None:
    """A chain that somebody else signed is none of ours."""
    written(tmp_path)
    other = own_signer(tmp_path / "..").public
    assert any("not trusted" in one.what for one in verify(tmp_path, [other]).problems)


@pytest.mark.parametrize("left", [0, 1, 3, 7])
def test_a_chain_that_was_cut_is_found_by_another_that_saw_it(tmp_path: Path, left: int) -> None:
    """A gateway writes down how far the others have come; to shorten one the others must be changed too."""
    path = written(tmp_path, closed=False)
    written(tmp_path)
    assert not checked(tmp_path).problems
    rewrite(path, read(path)[:left])
    [problem] = checked(tmp_path).problems
    assert problem.chain == path.name.split(".")[0]
    assert "was cut" in problem.what


def test_a_chain_that_is_gone_is_missed(tmp_path: Path) -> None:
    """If another saw it."""
    path = written(tmp_path)
    written(tmp_path)
    path.unlink()
    assert any("the chain is missing" in one.what for one in checked(tmp_path).problems)


def test_many_short_chains_are_each_seen_by_the_next_alone(tmp_path: Path) -> None:
    """And still none of them can go, but for the last: each command of an operator makes one."""
    clock = Clock()
    for at in range(20):
        clock.now_s += 600
        kept = journal(tmp_path, clock)
        kept.append([answered(f"r{at}")])
        kept.close()
        os.utime(files(tmp_path)[-1], (clock.now_s, clock.now_s))
    paths = files(tmp_path)
    assert not checked(tmp_path).problems
    assert [path.read_text().count('"witness"') for path in paths] == [0] + [1] * 19
    for path in paths[:-1]:
        path.rename(path.with_suffix(".away"))
        assert any("the chain is missing" in one.what for one in checked(tmp_path).problems)
        path.with_suffix(".away").rename(path)


def test_a_folder_that_was_set_back_is_found_by_what_was_noted_elsewhere(tmp_path: Path) -> None:
    """Everything in it agrees; only somebody outside can tell."""
    folder = tmp_path / "audit"
    clock = Clock()
    kept = journal(folder, clock)
    kept.append([answered("r0")])
    shutil.copytree(folder, tmp_path / "before")
    kept.append([answered("r1")])
    kept.sign()
    noted = list(checked(folder).ends.values())
    kept.abandon()
    shutil.rmtree(folder)
    shutil.move(tmp_path / "before", folder)
    assert not checked(folder).problems
    assert any("was cut" in one.what for one in checked(folder, noted).problems)


def test_the_end_that_nobody_saw_can_be_taken(tmp_path: Path) -> None:
    """What verify cannot find, it tells: the chain was not closed, and so many lines are not signed."""
    path = written(tmp_path, closed=False)
    rewrite(path, read(path)[:-1])
    verdict = checked(tmp_path)
    assert not verdict.problems
    assert "was not closed" in verdict.findings[0].what


def test_a_line_that_broke_off_is_told_of(tmp_path: Path) -> None:
    """A killed gateway may leave half a line; it was acknowledged to nobody."""
    path = written(tmp_path, closed=False)
    path.write_bytes(path.read_bytes()[:-20])
    verdict = checked(tmp_path)
    assert not verdict.problems
    assert any("broke off" in one.what for one in verdict.findings)


def test_nothing_follows_the_end(tmp_path: Path) -> None:
    """A line that fits, after the last signature, is one too many."""
    path = written(tmp_path)
    last = last_place(_part(path))
    assert last is not None
    line = type(decoded(read(path)[0].strip()))(last.n + 1, last.hash, answered("forged"))
    path.write_bytes(path.read_bytes() + encoded(line) + b"\n")
    assert any("follows the end" in one.what for one in checked(tmp_path).problems)


def _part(path: Path) -> Part:
    return next(part for found in parts(path.parent).values() for part in found if part.path == path)


def test_files_turn_and_still_make_one_chain(tmp_path: Path) -> None:
    """And a file from the middle is missed."""
    written(tmp_path, file="64KiB")
    kept = journal(tmp_path / "turned", file="64KiB")
    for at in range(40):
        kept.append([answered(f"r{at}", text="x" * 8000)])
    kept.close()
    turned = files(tmp_path / "turned")
    assert len(turned) > 3
    assert checked(tmp_path / "turned").findings == []
    turned[1].unlink()
    assert any("missing with their file" in one.what for one in checked(tmp_path / "turned").problems)


def test_old_files_are_removed_by_rule_and_that_is_known(tmp_path: Path) -> None:
    """The record of it is signed before the file goes; what goes without one is missed."""
    clock = Clock()
    kept = journal(tmp_path, clock, file="64KiB", keep={"bytes": "1MiB"})
    for at in range(250):
        kept.append([answered(f"r{at}", text="x" * 8000)])
        clock.now_s += 61
        kept.look_after()
    kept.close()
    verdict = checked(tmp_path)
    assert verdict.findings == []
    assert verdict.answers < 200
    assert sum(path.stat().st_size for path in files(tmp_path)) < 1.3 * 2**20
    files(tmp_path)[0].unlink()
    assert any("missing" in one.what for one in checked(tmp_path).problems)


def test_a_removal_that_is_not_signed_excuses_nothing(tmp_path: Path) -> None:
    """Anybody could write such a line behind a chain that was not closed."""
    path = written(tmp_path, closed=False)
    other = written(tmp_path)
    place = last_place(_part(other))
    assert place is not None
    last = last_place(_part(path))
    assert last is not None
    forged = Retired(at_s=NOON_S, upto=Place(path.name.split(".")[0], 9999, "0" * 64))
    end = type(decoded(read(path)[0].strip()))(last.n + 1, last.hash, forged)
    path.write_bytes(path.read_bytes() + encoded(end) + b"\n")
    third = written(tmp_path)
    other.unlink()
    assert third.exists()
    assert any("the chain is missing" in one.what for one in checked(tmp_path).problems)


def test_lost_records_are_told_of(tmp_path: Path) -> None:
    """A gap is a record, and no problem of the files."""
    kept = journal(tmp_path)
    kept.append([Gap(at_s=NOON_S, lost=3, since_s=NOON_S, reason="disk full"), answered("r")])
    kept.close()
    verdict = checked(tmp_path)
    assert (verdict.lost, verdict.problems) == (3, [])
    assert "3 records could not be kept" in verdict.findings[0].what


@pytest.mark.parametrize("junk", [b"\xff\xfe\n", b"{}\n", b"[" * 5000 + b"\n", b'{"n":1,"prev":"","record":{}}\n'])
def test_junk_between_lines_is_found(tmp_path: Path, junk: bytes) -> None:
    """Whatever it is, and the rest is still looked at."""
    path = written(tmp_path)
    lines = read(path)
    rewrite(path, [*lines[:4], junk, *lines[4:]])
    verdict = checked(tmp_path)
    assert [one.what for one in verdict.problems] == ["is no record"]
    assert verdict.answers == COUNT
