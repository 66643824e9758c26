"""Two tenants of one gateway, over HTTP: what the one asks, and what the other finds out of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.gateways.processes import Engine, Gateway, engines, gateways
from benchmarks.gateways.stores import new_keys
from deployments.audit.lines import Answered
from deployments.audit.reading import trail

CHAT = "/v1/chat/completions"
STEP_MS, PREFILL_US = 10.0, 1500.0
ENGINE = {
    "step": {"base_ms": STEP_MS, "per_sequence_us": 0, "per_prefill_token_us": PREFILL_US},
    "slots": 32, "output_tokens": 8, "prefix_cache": True, "kv_tokens": 2**18,
}  # fmt: skip
GRAPH = {
    "kept": {"cache": "dense", "tags": ["faq"]},
    "shared": {"coalesce": "dense"},
    "merged": {"batch": "dense", "wait": "200ms"},
    "either": {"fallback": ["dense", "hidden"]},
    "hers": {"fallback": ["hidden"]},
}
TENANTS = {
    "alice": {},
    "bob": {"allow": ["dense", "kept", "shared", "merged", "either"], "limits": {"requests_per_minute": 100_000}},
}
SHARED = {"dense": {"requests_per_minute": 50_000, "tokens_per_minute": 10_000_000}}


@dataclass(slots=True)
class Told:
    """One answer, and how long its first byte took in seconds."""

    status: int
    headers: httpx.Headers
    body: str
    first_s: float
    events: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Tenant:
    """Whoever holds one key."""

    name: str
    calls: httpx.Client

    def ask(self, prompt: str, *, headers: dict[str, str] | None = None, **more: Any) -> Told:
        """Stream one answer."""
        body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": 4, "temperature": 0, **more}
        began_s, first_s, got = time.perf_counter(), 0.0, bytearray()
        with self.calls.stream("POST", CHAT, json={"stream": True, **body}, headers=headers or {}) as answer:
            for data in answer.iter_bytes():
                first_s = first_s or time.perf_counter() - began_s
                got += data
        return Told(answer.status_code, answer.headers, got.decode(), first_s)


@dataclass(slots=True)
class World:
    """A gateway process with its engines, two tenants and somebody without a key."""

    gateway: Gateway
    dense: Engine
    alice: Tenant
    bob: Tenant
    stranger: httpx.Client
    audit: Path

    def records(self) -> list[Answered]:
        """Return what the audit trail holds."""
        return [line.record for _, line in trail(self.audit) if isinstance(line.record, Answered)]

    def computed(self, during: Callable[[], object]) -> int:
        """Return how many prompt tokens the engine has read while *during* ran."""
        before = self.dense.computed().prompt
        during()
        return self.dense.computed().prompt - before

    def together(self, *calls: Callable[[], Told], apart_s: float = 0.05) -> list[Told]:
        """Run *calls* side by side, each begun a little after the one before."""
        with ThreadPoolExecutor(len(calls)) as threads:
            running = []
            for call in calls:
                running.append(threads.submit(call))
                threading.Event().wait(apart_s)
            return [one.result(60) for one in running]


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Run it."""
    access = {"store": {"sqlite": str(folder / "accounts.sqlite")}, "models": SHARED}
    told = {
        "graph": GRAPH, "default": "dense", "access": access, "tenants": TENANTS,
        "audit": {"enabled": True, "text": "full"},
    }  # fmt: skip
    keys = asyncio.run(new_keys(access, "alice", "bob"))
    with engines({"dense": ENGINE, "hidden": ENGINE}, folder) as computing, gateways(1, told, folder) as served:
        url = f"http://127.0.0.1:{served[0].port}"
        clients = [httpx.Client(base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60) for key in keys]
        with clients[0] as first, clients[1] as second, httpx.Client(base_url=url, timeout=60) as stranger:
            alice, bob = Tenant("alice", first), Tenant("bob", second)
            for one in (alice, bob):
                one.ask("warm up")
            yield World(served[0], computing["dense"], alice, bob, stranger, folder / "audit")
