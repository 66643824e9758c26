"""Two levels as one: what each finds, what several gateways hear of each other, and stores that are broken."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from deployments.answers.kept import Kept, Since, Word, encoded
from deployments.answers.levels import RULE, Answers
from deployments.answers.opened import FILE, opened
from deployments.answers.redis_store import RedisStore
from deployments.answers.settings import AnswersSettings
from deployments.answers.sqlite_store import SqliteStore
from deployments.answers.store import StoreFailedError
from tests.deployments.answers.conftest import Server
from tests.deployments.answers.making import KEY, NOON_S, kept

SETTINGS = AnswersSettings(patience=2.0, trust=0.2)


class Told:
    """Counts what became of calls."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()

    def __call__(self, operation: str, outcome: str) -> None:
        self.calls[operation, outcome] += 1


@asynccontextmanager
async def using(store: Any, settings: AnswersSettings = SETTINGS, **more: Any) -> AsyncIterator[Answers]:
    answers = Answers(settings, store, wall=lambda: NOON_S, **more)
    try:
        yield answers
    finally:
        await answers.close()


async def kept_by(answers: Answers, key: bytes = KEY, **changed: Any) -> Kept:
    """Have an answer kept that began now."""
    await answers.find(b"anything", NOON_S)  # hears which store it is
    answer = kept(since=answers.now, **changed)
    answers.keep(key, answer)
    await answers.settled()
    return answer


async def test_memory_alone_keeps_and_forgets() -> None:
    """Without a second level everything works, and nothing outlives the process."""
    async with using(None) as answers:
        answer = await kept_by(answers)
        assert await answers.find(KEY, NOON_S) is answer
        assert await answers.forget(NOON_S, tag="t1") == 1
        assert await answers.find(KEY, NOON_S) is None
        answers.keep(KEY, answer)
        assert await answers.find(KEY, NOON_S) is None, "it was begun before"


async def test_the_second_level_outlives_the_first(store: Any) -> None:
    """A gateway that starts anew finds what one before it kept, and has it in memory from then on."""
    told = Told()
    async with using(store, counted=told) as one:
        answer = await kept_by(one)
    again = SqliteStore(store._read._path, 2**20) if isinstance(store, SqliteStore) else RedisStore(store._spec)
    async with using(again, counted=told) as other:
        assert await other.find(KEY, NOON_S) == answer
        gets = told.calls["get", "ok"]
        assert await other.find(KEY, NOON_S) == answer
        assert told.calls["get", "ok"] == gets


async def test_what_one_gateway_forgets_the_other_gives_no_more(store: Any) -> None:
    """After ``trust``, although it has the answer in memory."""
    async with using(store) as one, using(store) as other:
        await kept_by(one)
        assert await other.find(KEY, NOON_S) is not None
        assert await one.forget(NOON_S, tenant="acme") == 1
        assert await one.find(KEY, NOON_S) is None
        await asyncio.sleep(SETTINGS.trust)
        assert await other.find(KEY, NOON_S) is None


async def test_two_gateways_that_both_pass_an_order_on_keep_what_comes_after(store: Any) -> None:
    """The second one's copy of the order takes nothing from either, and memory holds new answers of both."""
    async with using(store) as one, using(store) as other:
        for each in (one, other):
            await kept_by(each)
        assert await one.forget(NOON_S, tenant="acme") == 1
        answer = await kept_by(one)
        await asyncio.sleep(SETTINGS.trust)
        assert await other.find(KEY, NOON_S) == answer
        assert await other.forget(NOON_S, tenant="acme") <= 1
        assert await one.find(KEY, NOON_S) == await other.find(KEY, NOON_S) == answer
        assert other.size > 0


async def test_an_answer_that_a_store_has_not_removed_yet_is_not_given(redis: Server) -> None:
    """Redis removes what is forgotten in pieces, and may be asked in between, or stopped."""
    store = RedisStore(redis.spec())
    async with using(store) as answers:
        answer = await kept_by(answers)
        await store.forget("tenant=acme", NOON_S)
        raw = await store._redis()
        await raw.set(store._answer(KEY), encoded(answer))
        assert await store.get(KEY, NOON_S) == answer
        await asyncio.sleep(SETTINGS.trust)
        assert await answers.find(KEY, NOON_S) is None


@pytest.mark.parametrize("named", [{}, {"model": "dense", "tag": "x"}])
async def test_one_thing_is_forgotten_at_a_time(named: dict[str, str]) -> None:
    """Nothing named is not everything."""
    async with using(None) as answers:
        with pytest.raises(ValueError, match="one of model, tenant and tag"):
            await answers.forget(NOON_S, **named)


class Broken:
    """A store that fails, or hangs, in everything until it is mended."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.hangs, self.mended, self.calls = hangs, False, 0
        self.put_together: list[int] = []

    async def _do(self) -> None:
        self.calls += 1
        if not self.mended:
            if self.hangs:
                await asyncio.sleep(60)
            raise StoreFailedError("gone")

    async def get(self, key: bytes, now_s: float) -> Kept | None:
        await self._do()
        return kept(since=Since("s", 1))

    async def put(self, answers: Mapping[bytes, Kept], now_s: float) -> Collection[bytes]:
        await self._do()
        self.put_together.append(len(answers))
        return answers.keys()

    async def forget(self, label: str, now_s: float) -> int:
        await self._do()
        return 1

    async def word(self, since: Since | None) -> Word:
        await self._do()
        return Word(Since("s", 1), {})

    async def close(self) -> None:
        return


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_broken_store_costs_hits_and_no_request(hangs: bool) -> None:
    """Looks end in time with nothing, then the store is left alone, and it is used again once it is mended."""
    store, told, now_s = Broken(hangs=hangs), Told(), 0.0
    settings = AnswersSettings(patience=0.02, write_within=0.02, trust=1.0)
    async with using(store, settings, counted=told, clock=lambda: now_s) as answers:
        began_s = time.monotonic()
        for _ in range(50):
            assert await answers.find(KEY, NOON_S) is None
        assert time.monotonic() - began_s < 50 * settings.patience
        assert store.calls == RULE.consecutive
        assert told.calls["word", "late" if hangs else "failed"] == RULE.consecutive
        with pytest.raises(StoreFailedError):
            await answers.forget(NOON_S, tag="t1")
        store.mended, now_s = True, RULE.open
        assert await answers.find(KEY, NOON_S) is not None


async def test_memory_is_not_believed_without_word_from_the_store() -> None:
    """Somebody else may have had the answer forgotten; while the word is recent it is given."""
    store, now_s = Broken(), 0.0
    store.mended = True
    async with using(store, AnswersSettings(patience=0.1, trust=2.0), clock=lambda: now_s) as answers:
        answer = await kept_by(answers)
        store.mended = False
        now_s = 1.9
        assert await answers.find(KEY, NOON_S) is answer
        now_s = 2.1
        assert await answers.find(KEY, NOON_S) is None


async def test_what_waits_to_be_written_is_bounded() -> None:
    """A store that is slow costs answers that are not kept there, and no memory."""
    store, told = Broken(hangs=True), Told()
    async with using(store, AnswersSettings(queue=2**20, write_within=0.05), counted=told) as answers:
        for at in range(8):
            answers.keep(bytes([at]), kept("x" * 200_000))
        assert told.calls["put", "dropped"] > 0


async def test_what_comes_at_about_the_same_time_is_written_together() -> None:
    """A transaction costs as much as many answers in it; of two under one key the later one is written."""
    store = Broken()
    store.mended = True
    async with using(store, AnswersSettings(patience=1.0)) as answers:
        for at in range(100):
            answers.keep(b"%d" % (at // 2), kept(since=answers.now))
            if at % 10 == 0:
                await asyncio.sleep(0)
        await answers.settled()
        assert sum(store.put_together) >= 50
        assert len(store.put_together) <= 3


async def test_a_wave_of_questions_finds_the_second_level(tmp_path: Path) -> None:
    """None of them is taken for a sign that the disk is slow."""
    told, wave = Told(), 500
    async with using(SqliteStore(tmp_path / FILE, 2**20), AnswersSettings(patience=10), counted=told) as answers:
        await asyncio.gather(*(answers.find(at.to_bytes(4, "big"), NOON_S) for at in range(wave)))
    assert told.calls["get", "ok"] == wave


async def test_the_redis_goes_and_comes_back(redis: Server) -> None:
    """While it is away there are no hits; afterwards there are, and nothing that it lost is given."""
    settings = AnswersSettings(patience=0.5, write_within=0.5, trust=0.1)
    async with using(RedisStore(redis.spec()), settings) as answers:
        await kept_by(answers)
        assert await answers.find(KEY, NOON_S) is not None
        redis.stop()
        await asyncio.sleep(settings.trust)
        assert await answers.find(KEY, NOON_S) is None
        answers.keep(b"meanwhile", kept(since=answers.now))
        await answers.settled()
        redis.start()
        await until_found(answers, b"after")
        assert await answers.find(KEY, NOON_S) is None
        assert await answers.find(b"meanwhile", NOON_S) is None


async def until_found(answers: Answers, key: bytes) -> None:
    """Keep an answer again and again until it is found."""
    end_s = time.monotonic() + 10
    while await answers.find(key, NOON_S) is None:
        assert time.monotonic() < end_s, "the store does not come back"
        await kept_by(answers, key)
        await asyncio.sleep(0.02)


async def told(answers: Answers, key: bytes) -> None:
    """Wait until an answer that somebody else keeps is found."""
    end_s = time.monotonic() + 10
    while await answers.find(key, NOON_S) is None:
        assert time.monotonic() < end_s, "what the other keeps is not found"
        await asyncio.sleep(0.02)


async def test_a_broken_file_is_begun_anew(tmp_path: Path) -> None:
    """It is a cache: what cannot be read is not worth an operator's night."""
    path = tmp_path / FILE
    path.write_bytes(b"this is no database, however long it is looked at" * 100)
    async with using(SqliteStore(path, 2**20), AnswersSettings(trust=0.1, patience=2)) as answers:
        assert await answers.find(KEY, NOON_S) is None
        await until_found(answers, KEY)
    assert path.stat().st_mode & 0o077 == 0


async def test_a_file_that_was_removed_is_begun_anew(tmp_path: Path) -> None:
    """Two gateways must not each go on with a file of their own, or one would not hear what the other forgets."""
    path = tmp_path / FILE
    settings = AnswersSettings(trust=0.1, patience=2)
    async with using(SqliteStore(path, 2**20), settings) as one, using(SqliteStore(path, 2**20), settings) as other:
        await kept_by(one)
        remove(path)
        await asyncio.sleep(settings.trust)
        await until_found(one, KEY)
        await told(other, KEY)
        await one.forget(NOON_S, model="dense")
        await asyncio.sleep(settings.trust)
        assert await other.find(KEY, NOON_S) is None


def remove(path: Path) -> None:
    for end in ("", "-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)


async def test_a_disk_without_room_can_still_be_read(tmp_path: Path) -> None:
    """Writes fail and are left alone for a while; what is there is found."""
    path, told = tmp_path / FILE, Told()
    async with using(SqliteStore(path, 2**20), counted=told) as answers:
        await kept_by(answers)
        await answers.find(KEY, NOON_S)
        answers._store._written._opened().execute("PRAGMA max_page_count = 1")  # type: ignore[union-attr]
        for at in range(RULE.consecutive + 2):
            await kept_by(answers, bytes([at]), labels=("x" * 5000,))
        assert told.calls["put", "failed"] + told.calls["put", "skipped"] > 0
    async with using(SqliteStore(path, 2**20)) as again:
        assert await again.find(KEY, NOON_S) is not None


async def test_the_file_stays_within_its_size(tmp_path: Path) -> None:
    """The oldest go when there is too much, those whose time is over first."""
    path = tmp_path / FILE
    store = SqliteStore(path, 2**20)
    since = (await store.word(None)).now
    for at in range(60):
        key = at.to_bytes(4, "big")
        await store.put({key: kept("x" * 20_000, since=since, until_s=NOON_S + 10_000)}, NOON_S + 61 * at)
    found = [await store.get(at.to_bytes(4, "big"), NOON_S) is not None for at in range(60)]
    assert not any(found[:5])
    assert all(found[-20:])
    await store.close()
    assert path.stat().st_size < 1.5 * 2**20


def test_a_killed_gateway_leaves_a_file_that_the_next_one_reads(tmp_path: Path) -> None:
    """Half a write is none."""
    for _ in range(3):
        child = os.fork()
        if child == 0:
            asyncio.run(_write_for_ever(tmp_path))
        time.sleep(0.4)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        asyncio.run(_read_all(tmp_path))


async def _write_for_ever(folder: Path) -> None:
    store = SqliteStore(folder / FILE, 2**30)
    at = 0
    while True:
        since = (await store.word(None)).now
        await store.put({at.to_bytes(4, "big"): kept("x" * 1000, since=since)}, NOON_S)
        at += 1
        if at % 50 == 0:
            await store.forget(f"tag=t{at}", NOON_S)


async def _read_all(folder: Path) -> None:
    store = SqliteStore(folder / FILE, 2**30)
    found = [await store.get(at.to_bytes(4, "big"), NOON_S) for at in range(50)]
    assert all(one is not None for one in found)
    await store.close()


def test_settings_say_where(tmp_path: Path) -> None:
    """Disk where there is a folder, Redis where one is named, memory alone where neither is."""
    assert isinstance(opened(AnswersSettings(), tmp_path)._store, SqliteStore)
    assert opened(AnswersSettings(), None)._store is None
    assert opened(AnswersSettings.model_validate({"disk": False}), tmp_path)._store is None
    there = AnswersSettings.model_validate({"redis": "redis://127.0.0.1:6379/1"})
    assert isinstance(opened(there, tmp_path)._store, RedisStore)


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"redis": "http://x"}, "redis"),
        ({"redis": "redis://user:secret@host"}, "password"),
        ({"redis": "redis://h", "disk": {"most": "1GiB"}}, "both disk and redis"),
        ({"memory": 3}, "memory"),
        ({"disk": {"folder": "here"}}, "folder"),
    ],
)
def test_settings_that_cannot_be(section: dict[str, Any], says: str) -> None:
    """Each is told by its field."""
    with pytest.raises(ValueError, match=says):
        AnswersSettings.model_validate(section)
