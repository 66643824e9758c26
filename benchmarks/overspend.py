"""Is a budget ever overspent? ``python -m benchmarks.overspend [--requests 10000] [--store sqlite --store redis]``.

Two gateways, processes of their own, share one store. A crowd asks both for all kinds of things at once, and leaves
when it likes; half way one gateway is killed and started again. What the engines have computed by their own counters is
then held against the budget, and against what the ledger has charged.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from benchmarks.contenders.places import scratch_directory
from benchmarks.gateways.asking import ANSWERS_WITHIN_S, COMPLETIONS, ask
from benchmarks.gateways.processes import Engine, Gateway, engines, gateways, redis
from benchmarks.gateways.stores import new_keys, opened
from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from deployments.tenancy.ledger.lines import Statement

TENANT = "acme"
ACCOUNT = f"tenant {TENANT}|tokens|ever"
LEASE_S = 10
AT_ONCE = 256
KILLED_AT, KILLED_WITHIN_S = 0.3, 120.0
TOKENS_A_REQUEST = 15
STORES = ("sqlite", "redis")
ENGINE = {
    "step": {"base_ms": 5, "per_sequence_us": 20, "per_prefill_token_us": 1},
    "slots": 64, "output_tokens": 150, "kv_tokens": 2**18,
}  # fmt: skip
# What the third engine computes is nobody's bill: it answers what shadows send.
POOLS = {"small": ENGINE, "large": ENGINE, "aside": ENGINE}
CHARGED = ("small", "large")
GRAPH: Mapping[str, Any] = {
    "cascaded": {"cascade": [{"to": "small", "accept": {"min_tokens": 12}}, {"to": "large"}]},
    "raced": {"hedge": ["small", "large"], "after": 0.02},
    "kept": {"cache": "small"},
    "shared": {"coalesce": "large"},
    "mirrored": {"shadow": "aside", "to": "small", "share": 1},
    "tried": {"fallback": ["small", "large"], "timeout": {"first_token": 0.05}},
    "several": {"ensemble": ["small", "large"], "choose": "vote"},
}
# When those leave who do: before the first token, in the middle, at the end.
LEFT_S = (0.02, 0.1, 0.3)


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """One run: tokens, and requests by what became of them.

    ``engines`` is what they computed of charged work, ``settled`` what the ledger has charged of it, ``mirrored`` what
    shadows had computed. ``overspend`` is what the engines computed beyond the budget.
    """

    store: str
    requests: int
    budget: int
    engines: int
    settled: int
    reserved: int
    overrun: int
    mirrored: int
    killed_at: float
    took_s: float
    outcomes: dict[str, int]
    kinds: dict[str, dict[str, int]]

    @property
    def overspend(self) -> int:
        """Return what was used beyond the budget."""
        return max(0, self.engines - self.budget)


def asked(draw: random.Random, at: int) -> tuple[str, dict[str, Any], float]:
    """Return a kind of request, its body, and when its client leaves."""
    kind = draw.choice(["stream", "whole", "unlimited", "tools", *GRAPH])
    said = f"request {at}: " + "what is it? " * draw.choice([1, 4])
    model = kind if kind in GRAPH else draw.choice(CHARGED)
    body: dict[str, Any] = {"model": model, "stream": draw.choice([True, False])}
    if kind == "kept":
        said, body["temperature"] = f"request {draw.randrange(40)} of those that come again", 0
    if kind in {"stream", "whole"}:
        body["stream"] = kind == "stream"
    if kind != "unlimited":
        body["max_tokens"] = draw.choice([4, 24, 80])
    body["messages"] = [{"role": "user", "content": said}, *(_looked_up(draw) if kind == "tools" else ())]
    return kind, body, draw.choice([*LEFT_S, *[ANSWERS_WITHIN_S] * 3 * len(LEFT_S)])


def _looked_up(draw: random.Random) -> list[dict[str, Any]]:
    """Return a call of a tool with its result, of which the arguments or the result may be long."""
    arguments = msgspec.json.encode({"where": "here " * draw.choice([1, 30])}).decode()
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": arguments}}
    found = {"role": "tool", "tool_call_id": "1", "content": "found: " + "1024 " * draw.choice([1, 50])}
    return [{"role": "assistant", "tool_calls": [call]}, found]


class Crowd:
    """Sends every request, in turns to each gateway, and has one of them killed half way through the budget."""

    def __init__(self, served: list[Gateway], key: str, requests: int) -> None:
        self._served, self._key, self._requests = served, key, requests
        self.kinds: dict[str, Counter[str]] = {}
        self.sent = 0

    async def go(self, at_once: int) -> None:
        """Ask for everything."""
        todo = iter(range(self._requests))

        async def some() -> None:
            for at in todo:
                await self._one(at)

        await asyncio.gather(*(some() for _ in range(at_once)))

    async def _one(self, at: int) -> None:
        kind, body, leave_s = asked(random.Random(at), at)  # noqa: S311 - nothing is secret here
        self.sent += 1
        for gateway in (self._served[at % 2], self._served[1 - at % 2]):
            reply = await ask(gateway.port, body, self._key, leave_s=leave_s)
            if reply.code != "lost":  # whoever finds a gateway gone asks the other
                break
        self.kinds.setdefault(kind, Counter())[reply.code] += 1


async def killed(victim: Gateway, access: Mapping[str, Any], budget: int, crowd: Crowd) -> int:
    """Kill *victim* in the middle of the budget, start it again, and return how many requests had been sent.

    Raises TimeoutError where the crowd never gets so far.
    """
    async with opened(access) as (_, stores), asyncio.timeout(KILLED_WITHIN_S):
        while (await stores.ledger.statement(ACCOUNT, _now_us())).settled < budget * KILLED_AT:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    victim.kill()
    at = crowd.sent
    await asyncio.sleep(0.5)
    victim.again()
    await asyncio.to_thread(victim.wait, victim.ready)
    return at


async def run(store: str, requests: int, at_once: int, folder: Path, *, lapse_s: float = LEASE_S) -> Spent:
    """Let a crowd loose on a small budget; after *lapse_s* what the killed gateway held can be used up as well."""
    budget = TOKENS_A_REQUEST * requests
    with stored(store, folder) as access, engines(POOLS, folder) as computing:
        limits = {"limits": {"budgets": [{"tokens": budget, "per": "ever"}]}}
        told = {"graph": GRAPH, "default": "small", "access": access, "tenants": {TENANT: limits}}
        (key,) = await new_keys(access, TENANT)
        with gateways(2, told, folder) as served:
            began_s = time.monotonic()
            crowd = Crowd(served, key, requests)
            killing = asyncio.create_task(killed(served[0], access, budget, crowd))
            await crowd.go(at_once)
            killed_at = await killing
            took_s = time.monotonic() - began_s
            await at_rest(computing)
            await asyncio.sleep(lapse_s)
            await emptied(served, key)
            await at_rest(computing)
            account = await statement(access)
        used = {pool: engine.computed().tokens for pool, engine in computing.items()}
    return Spent(
        store=store, requests=requests, budget=budget, engines=sum(used[pool] for pool in CHARGED),
        settled=account.settled, reserved=account.reserved, overrun=account.overrun, mirrored=used["aside"],
        killed_at=killed_at / requests, took_s=round(took_s, 1),
        outcomes=dict(sum(crowd.kinds.values(), Counter[str]())), kinds={k: dict(v) for k, v in crowd.kinds.items()},
    )  # fmt: skip


async def emptied(served: list[Gateway], key: str) -> None:
    """Use up what is left, so that one token too many would show."""
    body = {"model": "small", "prompt": "x", "max_tokens": 1}
    told = [""]
    while set(told) != {"budget_exhausted"}:
        told = [(await ask(gateway.port, body, key, path=COMPLETIONS)).code for gateway in served]


async def at_rest(computing: Mapping[str, Engine], within_s: float = 60.0) -> None:
    """Wait until no engine has anything to do; raises TimeoutError."""
    async with asyncio.timeout(within_s):
        while any(engine.computed().under_way for engine in computing.values()):  # noqa: ASYNC110 - of others
            await asyncio.sleep(0.1)


async def statement(access: Mapping[str, Any]) -> Statement:
    """Return the budget's account when every lease is over."""
    async with opened(access) as (_, stores):
        return await stores.ledger.statement(ACCOUNT, _now_us() + 2_000_000 * LEASE_S)


@contextmanager
def stored(store: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the section of the configuration that names a store, a new one."""
    section = {"lease": LEASE_S}
    if store == "sqlite":
        yield {**section, "store": {"sqlite": str(folder / "governance.sqlite"), "timeout": 2}}
        return
    with redis(folder / "redis") as server:
        yield {**section, "store": {"redis": {"url": server.url}, "timeout": 2}}


def _now_us() -> int:
    return time.time_ns() // 1000


def sheet(found: list[Spent]) -> Sheet:
    """Return the table."""
    head = ["store", "requests", "budget", "by the engines", "charged", "overspend", "left", "refused", "killed at"]
    rows = [
        [
            one.store, f"{one.requests:,}", f"{one.budget:,}", f"{one.engines:,}", f"{one.settled:,}",
            str(one.overspend), str(one.outcomes.get("left", 0)), str(one.outcomes.get("budget_exhausted", 0)),
            f"{one.killed_at:.0%}",
        ]
        for one in found
    ]  # fmt: skip
    return Sheet("A budget of tokens, two gateways, one killed", head, rows)


def main(
    *,
    requests: Annotated[int, typer.Option(help="How many requests come in all.")] = 10_000,
    at_once: Annotated[int, typer.Option(help="How many connections there are at most.")] = AT_ONCE,
    store: Annotated[list[str], typer.Option(help="Where the budget is kept.")] = list(STORES),  # noqa: B006
    dry: Annotated[bool, typer.Option(help="Write nothing.")] = False,
) -> None:
    """Measure both stores, print it and keep it; ends with 1 where anything was overspent."""
    found = []
    for one in store:
        with scratch_directory() as folder:
            found.append(asyncio.run(run(one, requests, at_once, folder)))
    show_sheets([sheet(found)])
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=1).decode())
    if not dry:
        (FOLDER / "overspend.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    if any(one.overspend or one.overrun or one.reserved for one in found):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
