"""A real Redis server that a test may stop and start again, and both second levels, fresh for every test."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from deployments.answers.redis_store import RedisStore
from deployments.answers.settings import RedisSpec
from deployments.answers.sqlite_store import SqliteStore
from deployments.answers.store import AnswerStore

STARTS_WITHIN_S = 10.0


class Server:
    """A redis-server on a socket of its own, which keeps nothing on disk."""

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary, self._folder, self.socket = binary, folder, folder / "socket"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen([self._binary, *options, "--logfile", "log"])
        until_s = time.monotonic() + STARTS_WITHIN_S
        while not self.socket.exists():
            assert time.monotonic() < until_s, "redis-server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(STARTS_WITHIN_S)
            self._process = None
        self.socket.unlink(missing_ok=True)

    def spec(self) -> RedisSpec:
        """Return a section with a prefix that nobody else has."""
        return RedisSpec(url=f"unix://{self.socket}", prefix=uuid4().hex)


@pytest.fixture(scope="session")
def redis() -> Iterator[Server]:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    folder = Path(tempfile.mkdtemp(prefix="redis-"))  # a socket's path has about a hundred characters
    server = Server(binary, folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnswerStore]:
    """Return an empty store."""
    if request.param == "sqlite":
        found: AnswerStore = SqliteStore(tmp_path / "answers" / "answers.sqlite", 2**20)
    else:
        found = RedisStore(request.getfixturevalue("redis").spec())
    yield found
    await found.close()
