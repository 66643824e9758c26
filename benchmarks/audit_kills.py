"""Is anything acknowledged without a record? ``python -m benchmarks.audit_kills [--kills 40]``.

Two gateways, processes of their own, keep one audit trail, and are killed at random moments, again and again, while a
crowd asks both. Every answer that came to its end must have its record then, and every chain must verify.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from benchmarks.contenders.places import scratch_directory
from benchmarks.gateways.asking import ask
from benchmarks.gateways.processes import Gateway, engines, gateways
from benchmarks.results import FOLDER
from deployments.audit.lines import Answered
from deployments.audit.reading import trail
from deployments.audit.signing import PUBLIC_FILE, public_key
from deployments.audit.verify import verify

ENGINE = {"step": {"base_ms": 5, "per_sequence_us": 20, "per_prefill_token_us": 1}, "slots": 64, "output_tokens": 12}
AT_ONCE = 16
LEAST_S, MOST_S = 0.02, 1.0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One run: ``missing`` answers came to their end and have no record; ``problems`` is what the verifier found."""

    kills: int
    acknowledged: int
    broken_off: int
    records: int
    missing: int
    doubled: int
    chains: int
    problems: list[str]
    took_s: float


async def run(kills: int, folder: Path) -> Kept:
    """Kill gateways while a crowd asks them."""
    acknowledged: list[str] = []
    outcomes: Counter[str] = Counter()
    audit = {"enabled": True, "checkpoint": "200ms", "file": "64KiB"}
    began_s = time.monotonic()
    with (
        engines({"dense": ENGINE}, folder),
        gateways(2, {"default": "dense", "audit": audit}, folder) as served,
    ):
        crowd = [asyncio.create_task(_asking(served, at, acknowledged, outcomes)) for at in range(AT_ONCE)]
        draw = random.Random(1)  # noqa: S311 - moments, no secret
        for at in range(kills):
            await _killed(served[at % 2], draw.uniform(LEAST_S, MOST_S))
        for task in crowd:
            task.cancel()
        await asyncio.wait(crowd)
        for gateway in served:
            await asyncio.to_thread(gateway.wait, gateway.ready)
    return _judged(folder / "audit", kills, acknowledged, outcomes, time.monotonic() - began_s)


async def _asking(served: list[Gateway], at: int, acknowledged: list[str], outcomes: Counter[str]) -> None:
    for number in itertools.count():
        said = [{"role": "user", "content": f"question {number} of client {at}"}]
        body = {"messages": said, "stream": number % 3 > 0, "max_tokens": 12}
        reply = await ask(served[(at + number) % 2].port, body)
        outcomes[reply.code] += 1
        if reply.acknowledged:
            acknowledged.append(reply.headers["x-request-id"])
        elif not reply.status:
            await asyncio.sleep(0.02)


async def _killed(victim: Gateway, after_s: float) -> None:
    """Kill a gateway so long after it began to take requests, and start it again."""
    await asyncio.to_thread(victim.wait, victim.ready)
    await asyncio.sleep(after_s)
    victim.kill()
    victim.again()


def _judged(folder: Path, kills: int, acknowledged: list[str], outcomes: Counter[str], took_s: float) -> Kept:
    records = [line.record.request_id for _, line in trail(folder) if isinstance(line.record, Answered)]
    verdict = verify(folder, [public_key(folder / PUBLIC_FILE)])
    return Kept(
        kills=kills,
        acknowledged=len(acknowledged),
        broken_off=outcomes["cut short"],
        records=len(records),
        missing=len(set(acknowledged) - set(records)),
        doubled=len(records) - len(set(records)),
        chains=len(verdict.ends),
        problems=[f"{one.chain} {one.n}: {one.what}" for one in verdict.problems],
        took_s=round(took_s, 1),
    )


def main(
    *,
    kills: Annotated[int, typer.Option(help="How often a gateway is killed.")] = 40,
    dry: Annotated[bool, typer.Option(help="Write nothing.")] = False,
) -> None:
    """Kill, verify, print it and keep it; ends with 1 where a record is missing or a chain is broken."""
    with scratch_directory() as folder:
        found = asyncio.run(run(kills, folder))
    told = msgspec.json.format(msgspec.json.encode(found), indent=1)
    typer.echo(told.decode())
    if not dry:
        (FOLDER / "audit_kills.json").write_bytes(told + b"\n")
    if found.missing or found.doubled or found.problems:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
