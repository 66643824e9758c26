"""The stores that governance is kept in: SQLite on disk and a real Redis server, each fresh for every test."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deployments.tenancy.keys.redis import RedisKeys
from deployments.tenancy.keys.sqlite import SCHEMA as KEYS_SCHEMA
from deployments.tenancy.keys.sqlite import SqliteKeys
from deployments.tenancy.keys.store import KeyStore
from deployments.tenancy.ledger.redis import RedisLedger
from deployments.tenancy.ledger.sqlite import SCHEMA as LEDGER_SCHEMA
from deployments.tenancy.ledger.sqlite import SqliteLedger
from deployments.tenancy.ledger.store import Ledger
from deployments.tenancy.stores.redis_server import RedisServer
from deployments.tenancy.stores.sqlite_file import SqliteFile

STARTS_WITHIN_S = 10.0


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Start a server for this session, on a socket of its own."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    folder = Path(tempfile.mkdtemp(prefix="redis-"))  # a socket's path has about a hundred characters
    socket = folder / "socket"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(folder), "--logfile", "log"]
    process = subprocess.Popen([binary, *options])
    try:
        until_s = time.monotonic() + STARTS_WITHIN_S
        while not socket.exists():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until_s, "redis-server did not start"
            time.sleep(0.01)
        yield f"unix://{socket}"
    finally:
        process.terminate()
        process.wait(STARTS_WITHIN_S)
        shutil.rmtree(folder)


@pytest.fixture
async def sqlite_file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    """Open a file that nothing is in."""
    file = SqliteFile(tmp_path / "governance.sqlite", (*LEDGER_SCHEMA, *KEYS_SCHEMA), within_s=10.0)
    yield file
    await file.close()


@pytest.fixture
async def redis_server(redis_url: str) -> AsyncIterator[RedisServer]:
    """Connect under a prefix that nobody else has."""
    server = RedisServer(redis_url, prefix=uuid4().hex, within_s=10.0)
    yield server
    await server.close()


@pytest.fixture(params=["sqlite", "redis"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """Return an empty ledger."""
    if request.param == "sqlite":
        return SqliteLedger(request.getfixturevalue("sqlite_file"))
    return RedisLedger(request.getfixturevalue("redis_server"))


@pytest.fixture(params=["sqlite", "redis"])
def keys(request: pytest.FixtureRequest) -> KeyStore:
    """Return a store without keys."""
    if request.param == "sqlite":
        return SqliteKeys(request.getfixturevalue("sqlite_file"))
    return RedisKeys(request.getfixturevalue("redis_server"))
