"""The least that can ask a gateway: one connection a request, which may be given up at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
ANSWERS_WITHIN_S = 120.0


@dataclass(slots=True, kw_only=True)
class Reply:
    """What came of a request: ``status`` 0 where nothing did; ``ended`` where the server closed it in order."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: bool = False
    left: bool = False

    @property
    def acknowledged(self) -> bool:
        """Say whether an answer came to its end: a stream's last event, or all of a body."""
        if self.status != 200:  # noqa: PLR2004 - HTTP's
            return False
        return self.body.endswith(b"data: [DONE]\n\n") if b"data: " in self.body[:6] else self.ended

    @property
    def code(self) -> str:
        """Return what became of it in a word: ``ok``, an error's code, ``left``, ``lost`` or ``cut short``."""
        if self.left:
            return "left"
        if self.acknowledged:
            return "ok"
        for part in self.body.rsplit(b"data: ", 1)[-1:]:
            with suppress(msgspec.DecodeError, KeyError, TypeError):
                return str(msgspec.json.decode(part.split(b"\n")[0])["error"]["code"])
        return "cut short" if self.status else "lost"

    def json(self) -> Any:
        """Return the body of a whole answer."""
        return msgspec.json.decode(self.body)


async def ask(
    port: int, body: Mapping[str, Any] | None, key: str = "", *,
    path: str = CHAT, leave_s: float = ANSWERS_WITHIN_S, headers: Mapping[str, str] | None = None, method: str = "POST",
) -> Reply:  # fmt: skip
    """Ask, and read to the end, or leave after *leave_s*; a connection that breaks is no error here."""
    reply = Reply()
    sent = b"" if body is None else msgspec.json.encode(body)
    more = {"authorization": f"Bearer {key}"} if key else {}
    lines = [f"{method} {path} HTTP/1.1", "host: gateway", "connection: close", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in {**more, **(headers or {})}.items()]
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(leave_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
            writer.write("\r\n".join([*lines, f"content-length: {len(sent)}", "", ""]).encode() + sent)
            await _read(reader, reply)
    except TimeoutError:
        reply.left = True
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        if writer is not None:
            writer.transport.abort() if reply.left else writer.close()
    return reply


async def _read(reader: asyncio.StreamReader, reply: Reply) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    reply.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    reply.status = int(head[0].split()[1])
    if "content-length" in reply.headers:
        reply.body = await reader.readexactly(int(reply.headers["content-length"]))
    else:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            reply.body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    reply.ended = True
