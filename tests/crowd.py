"""Clients that ask again and again while things break, and check every answer to its last token."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

TOKENS = 60
_AGAIN_S = 0.3
_ATTEMPTS = 60


@dataclass(slots=True)
class Crowd:
    """What became of everyone's requests: whole answers, those that went on at another replica, and what failed.

    Whoever fails asks again, as clients do; ``lost`` are those that were given up.
    """

    whole: int = 0
    resumed: int = 0
    failures: list[str] = field(default_factory=list)
    lost: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, url: str, model: str, name: str) -> None:
        """Ask until the crowd is sent home."""
        number = 0
        while not self._over.is_set():
            self._ask(url, model, f"Tell story {number} to {name}.")
            number += 1

    def go_home(self) -> None:
        """Ask no more; answers under way are heard to their end."""
        self._over.set()

    def _ask(self, url: str, model: str, prompt: str) -> None:
        for _ in range(_ATTEMPTS):
            try:
                resumed = _heard(url, model, prompt)
            except (httpx.HTTPError, AssertionError) as error:
                with self._lock:
                    self.failures.append(repr(error)[:300])
                self._over.wait(_AGAIN_S)
            else:
                with self._lock:
                    self.whole += 1
                    self.resumed += resumed
                return
        with self._lock:
            self.lost += 1


def _heard(url: str, model: str, prompt: str) -> bool:
    """Stream one answer, check that it is whole, and say whether it went on at another replica."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": TOKENS,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60) as response:
        lines = [line for line in response.iter_lines() if line]
    assert response.status_code == httpx.codes.OK, lines
    events = [line.removeprefix("data: ") for line in lines if not line.startswith(":")]
    assert events[-1:] == ["[DONE]"], events[-2:]
    chunks = [json.loads(event) for event in events[:-1]]
    assert not [chunk for chunk in chunks if "error" in chunk], chunks[-1]
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    told = sum(chunk["usage"]["completion_tokens"] for chunk in chunks if chunk.get("usage"))
    assert (len(text.split()), told) == (TOKENS, TOKENS), text
    return any(line.startswith(": tercet") and "resumed" in line for line in lines)


@contextmanager
def crowd(url: str, model: str, *, clients: int) -> Iterator[Crowd]:
    """Keep *clients* asking for the length of the block; at its end everyone has been answered or has given up."""
    one = Crowd()
    threads = [
        threading.Thread(target=one.run, args=(url, model, f"client {at}"), daemon=True) for at in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield one
    finally:
        one.go_home()
        for thread in threads:
            thread.join(timeout=90)
        assert not any(thread.is_alive() for thread in threads), "a client was never answered"
