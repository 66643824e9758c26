"""Clients that leave before their answer is there, and what the engines make of it."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.serving import Serving, chat, until

_WITHIN_S = 30.0
_ON_THE_WAY_S = 0.5

Leave = Callable[[Serving], int]


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
    """Send *count* requests, hold them until an engine has them all, and leave at the end of the block."""
    all_of_them = [Caller(one, model, f"{number} {prompt}", **body) for number in range(count)]
    try:
        until(lambda: _active(one) >= count, within_s=_WITHIN_S, what=f"{count} requests at the gateway")
        time.sleep(_ON_THE_WAY_S)  # from the gateway to the engine's queue, which cannot be seen from outside at once
        yield all_of_them
    finally:
        for caller in all_of_them:
            caller.leave()


def _active(one: Serving) -> float:
    lines = httpx.get(f"{one.url}/metrics", timeout=30).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("tercet_requests_active{"))


def answered_after(one: Serving, pool: str) -> float:
    """Return how long a request for one token takes, in seconds: as long as the engine is still busy, and a little."""
    began_s = time.monotonic()
    assert chat(one.url, pool, "hi", max_tokens=1).status_code == 200
    return time.monotonic() - began_s


def leave_in_every_way(one: Serving, pool: str, ways: list[Leave]) -> dict[str, float]:
    """Leave in each of *ways*, whose result is how many left, and return how much later who comes next is answered.

    The engines must have ended exactly those who left, and hold nothing in the end.
    """
    answered_after(one, pool)
    before, left, later_s = _aborted(one, pool), 0, {}
    for way in ways:
        idle_s = answered_after(one, pool)
        left += way(one)
        later_s[way.__name__] = round(answered_after(one, pool) - idle_s, 3)
    until(lambda: _held(one, pool) == 0, within_s=_WITHIN_S, what=f"nothing in {pool}")
    until(lambda: _aborted(one, pool) >= before + left, within_s=_WITHIN_S, what=f"{left} ended early in {pool}")
    assert _aborted(one, pool) == before + left
    return later_s


def _aborted(one: Serving, pool: str) -> int:
    return sum(replica["totals"]["aborted"] for replica in one.status()["pools"][pool]["replicas"])


def _held(one: Serving, pool: str) -> int:
    told = one.status()["pools"][pool]
    return int(told["running"] + told["waiting"])
