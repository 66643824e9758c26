"""Clients that leave before their answer is there, and what the engines make of it."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.serving import Serving, chat, until

_WITHIN_S = 30.0


class Caller:
    """One HTTP request on a connection of its own, which is cut and not closed politely."""

    def __init__(self, one: Serving, model: str, prompt: str, **body: Any) -> None:
        messages = [{"role": "user", "content": prompt}]
        payload = json.dumps({"model": model, "messages": messages, "ignore_eos": True, **body}).encode()
        self._socket = socket.create_connection(("127.0.0.1", one.port), timeout=60)
        self._socket.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
            + f"content-length: {len(payload)}\r\n\r\n".encode()
            + payload
        )

    def hear(self, events: int) -> None:
        """Wait until the answer has come as far as its *events*-th event."""
        heard = b""
        while heard.count(b"data: {") < events:
            part = self._socket.recv(65536)
            assert part, heard
            heard += part

    @property
    def heard_nothing(self) -> bool:
        """Say whether no byte of the answer has come."""
        return not select.select([self._socket], [], [], 0)[0]

    def leave(self) -> None:
        """Cut the connection."""
        self._socket.close()


@contextmanager
def callers(one: Serving, model: str, prompt: str, count: int, **body: Any) -> Iterator[list[Caller]]:
    """Send *count* requests; whoever is still there at the end leaves."""
    all_of_them = [Caller(one, model, f"{number} {prompt}", **body) for number in range(count)]
    try:
        yield all_of_them
    finally:
        for caller in all_of_them:
            caller.leave()


def aborted(one: Serving, pool: str) -> int:
    """Return how many requests the engines of *pool* have ended early."""
    return sum(replica["totals"]["aborted"] for replica in one.status()["pools"][pool]["replicas"])


def held(one: Serving, pool: str) -> dict[str, int]:
    """Return what the engines of *pool* hold."""
    told = one.status()["pools"][pool]
    return {"running": told["running"], "waiting": told["waiting"]}


def wait_until_held(one: Serving, pool: str, **counts: int) -> None:
    """Wait until the engines of *pool* are seen to hold exactly so many requests."""
    until(lambda: held(one, pool) == counts, within_s=_WITHIN_S, what=f"{counts} in {pool}, not {held(one, pool)}")


def wait_until_all_held(one: Serving, pool: str, count: int) -> None:
    """Wait until the engines of *pool* are seen to hold so many requests, running or waiting."""
    until(lambda: sum(held(one, pool).values()) == count, within_s=_WITHIN_S, what=f"{count} requests in {pool}")


def wait_until_free(one: Serving, pool: str, ended: int) -> None:
    """Wait until nothing is left in *pool* and *ended* requests in all have been ended early."""
    wait_until_held(one, pool, running=0, waiting=0)
    until(lambda: aborted(one, pool) >= ended, within_s=_WITHIN_S, what=f"{ended} ended early in {pool}")
    assert aborted(one, pool) == ended


def answered_after(one: Serving, pool: str) -> float:
    """Return how long a request for one token takes, in seconds: as long as the engine is still busy, and a little."""
    began_s = time.monotonic()
    assert chat(one.url, pool, "hi", max_tokens=1).status_code == 200
    return time.monotonic() - began_s
