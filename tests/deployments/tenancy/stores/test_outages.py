"""Stores that go away: callers learn it in time, nothing is forgotten, and they recover by themselves."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.tenancy.ledger.lines import Granted, Quota
from deployments.tenancy.ledger.redis import RedisLedger
from deployments.tenancy.ledger.sqlite import SCHEMA, SqliteLedger
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.stores.away import StoreAwayError
from deployments.tenancy.stores.redis_server import RedisServer
from deployments.tenancy.stores.sqlite_file import SqliteFile

NOW, LEASE = 1_800_000_000_000_000, 60_000_000
WITHIN_S = 0.3
# A refusal may take a little longer than the store's deadline, on a busy machine.
SOON_S = 3.0
LINE = Quota(account="a", amount=3, limit=10)


async def away(ledger: Ledger) -> None:
    """See a call fail in time."""
    began_s = time.monotonic()
    with pytest.raises(StoreAwayError):
        await ledger.reserve("away", [LINE], NOW, LEASE)
    assert time.monotonic() - began_s < SOON_S


async def back(ledger: Ledger) -> None:
    """See that it works again, within a few tries."""
    for _ in range(20):
        try:
            assert isinstance(await ledger.reserve("back", [LINE], NOW, LEASE), Granted)
        except StoreAwayError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the store is back, and nobody noticed")


async def test_a_file_that_went_away_comes_back_as_it_was(tmp_path: Path) -> None:
    """It is never made anew meanwhile: what was spent would be forgotten."""
    folder, elsewhere = tmp_path / "disk", tmp_path / "unplugged"
    file = SqliteFile(folder / "ledger.sqlite", SCHEMA, within_s=WITHIN_S)
    ledger = SqliteLedger(file)
    await ledger.reserve("1", [LINE], NOW, LEASE)
    folder.rename(elsewhere)
    await away(ledger)
    assert not folder.exists()
    elsewhere.rename(folder)
    await back(ledger)
    assert (await ledger.statement("a", NOW)).reserved == 6
    await file.close()


async def test_a_new_file_may_be_opened_by_several_at_once(tmp_path: Path) -> None:
    """Each makes what is not there, and none is refused."""
    for at in range(10):
        files = [SqliteFile(tmp_path / f"{at}.sqlite", SCHEMA) for _ in range(4)]
        granted = await asyncio.gather(
            *(SqliteLedger(file).reserve(f"{n}", [LINE], NOW, LEASE) for n, file in enumerate(files[:3]))
        )
        assert all(isinstance(one, Granted) for one in granted)
        assert (await SqliteLedger(files[3]).statement("a", NOW)).reserved == 9
        for file in files:
            await file.close()


async def test_a_file_that_another_process_holds_is_waited_for_in_time(tmp_path: Path) -> None:
    """And a call that was given up does not happen later."""
    path = tmp_path / "ledger.sqlite"
    file = SqliteFile(path, SCHEMA, within_s=WITHIN_S)
    ledger = SqliteLedger(file)
    await ledger.statement("a", NOW)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await asyncio.gather(*(away(ledger) for _ in range(3)))
    other.execute("ROLLBACK")
    await back(ledger)
    assert (await ledger.statement("a", NOW)).reserved == 3
    other.close()
    await file.close()


async def test_work_that_fails_fails_alone(tmp_path: Path) -> None:
    """What shares its transaction is kept, what it had written itself is not."""
    file = SqliteFile(tmp_path / "ledger.sqlite", SCHEMA)

    def broken(rows: sqlite3.Connection) -> None:
        rows.execute("INSERT INTO rate VALUES ('broken', 1)")
        raise KeyError("mine")

    good = file.run(lambda rows: rows.execute("INSERT INTO rate VALUES ('good', 1)").rowcount)
    answers = await asyncio.gather(file.run(broken), good, return_exceptions=True)
    assert isinstance(answers[0], KeyError)
    assert await file.run(lambda rows: rows.execute("SELECT account FROM rate").fetchall()) == [("good",)]
    await file.close()


async def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    """Nor the log beside it."""
    file = SqliteFile(tmp_path / "own" / "ledger.sqlite", SCHEMA)
    await SqliteLedger(file).statement("a", NOW)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "own").iterdir()}
    assert len(modes) > 1
    assert set(modes.values()) == {0o600}
    await file.close()


class Server:
    """A server that can be killed, and started again with what it had."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, f"unix://{folder}/s"
        self.start()

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", f"{self.folder}/s", "--dir", str(self.folder), "--logfile", "log"]
        kept = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self.process = subprocess.Popen(["redis-server", *options, *kept])
        by_s = time.monotonic() + 10
        while not (self.folder / "s").exists():
            assert time.monotonic() < by_s
            time.sleep(0.01)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        (self.folder / "s").unlink()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    server = Server(tmp_path_factory.mktemp("r"))
    yield server
    server.kill()


async def test_a_server_that_was_killed_comes_back_as_it_was(server: Server) -> None:
    """With a log that it keeps at every write, nothing that was answered is lost."""
    redis = RedisServer(server.url, within_s=WITHIN_S)
    ledger = RedisLedger(redis)
    await back(ledger)
    server.kill()
    await away(ledger)
    server.start()
    await back(ledger)
    assert (await ledger.statement("a", NOW)).reserved == 3
    await redis.close()


async def test_a_server_that_hangs_is_not_waited_for(server: Server) -> None:
    """Neither by one caller nor by a crowd."""
    redis = RedisServer(server.url, within_s=WITHIN_S)
    ledger = RedisLedger(redis)
    await back(ledger)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        await asyncio.gather(*(away(ledger) for _ in range(100)))
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    await back(ledger)
    await redis.close()


async def test_a_password_is_told_to_nobody() -> None:
    """An error that a log may show names neither it nor the address."""
    redis = RedisServer("redis://127.0.0.1:1/0", username="u", password="open sesame", within_s=WITHIN_S)
    with pytest.raises(StoreAwayError) as told:
        await RedisLedger(redis).statement("a", NOW)
    assert "sesame" not in str(told.value)
    assert "127.0.0.1" not in str(told.value)
    await redis.close()
