"""What happens while a store or a disk is away? ``python -m benchmarks.outages [--seconds 30] [SCENARIO ...]``.

A crowd asks two gateways, processes of their own, while what they keep things in goes away and comes back: a Redis
server that is killed or hangs, or a disk that takes no more, which is a limit of the system on the size of every file
that the gateways write (RLIMIT_FSIZE). Every answer is compared with what the engine said before.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from benchmarks.contenders.places import scratch_directory
from benchmarks.gateways.asking import Reply, ask
from benchmarks.gateways.processes import Engine, Gateway, Redis, engines, gateways, redis
from benchmarks.gateways.stores import new_keys, opened
from benchmarks.report import Sheet, show_sheets
from benchmarks.results import FOLDER
from deployments.audit.lines import Answered
from deployments.audit.reading import trail
from deployments.audit.signing import PUBLIC_FILE, public_key
from deployments.audit.verify import verify

ENGINE = {"step": {"base_ms": 5, "per_sequence_us": 20, "per_prefill_token_us": 1}, "slots": 64, "output_tokens": 12}
AT_ONCE, PROMPTS = 16, 24
HEALTHY_S, BACK_WITHIN_S = 1.0, 30.0
TENANT = "acme"
PLENTY = 10**8
Part = Literal["redis killed", "redis hangs", "disk full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is kept where, what goes away, and what becomes of requests meanwhile: an error's code, or ``ok``."""

    part: Part
    expected: str
    budget: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    kept: Literal["redis", "sqlite", ""] = ""


CACHED = {"graph": {"kept": {"cache": "dense"}}, "default": "kept"}
SCENARIOS: Mapping[str, Scenario] = {
    "accounts in Redis, killed": Scenario(part="redis killed", expected="store_unavailable", kept="redis"),
    "accounts in Redis, hangs": Scenario(part="redis hangs", expected="store_unavailable", kept="redis"),
    "accounts in SQLite, disk full": Scenario(part="disk full", expected="store_unavailable", kept="sqlite"),
    "accounts in SQLite, disk full, admit": Scenario(
        part="disk full", expected="ok", kept="sqlite", budget=False, settings={"when_store_is_away": "admit"}
    ),
    "answers in Redis, killed": Scenario(part="redis killed", expected="ok", settings=CACHED),
    "answers in Redis, hangs": Scenario(part="redis hangs", expected="ok", settings=CACHED),
    "audit, disk full, refuse": Scenario(
        part="disk full", expected="audit_unavailable", settings={"audit": {"enabled": True, "on_failure": "refuse"}}
    ),
    "audit, disk full, degrade": Scenario(
        part="disk full", expected="ok", settings={"audit": {"enabled": True, "on_failure": "degrade"}}
    ),
}


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario: requests by what became of them before, during and after, and what was wrong.

    ``slowest_s`` is the longest that anyone waited for an answer or a refusal meanwhile, ``back_s`` how long after the
    end of the outage both gateways answered again, by themselves. ``unpaid`` tokens were computed and not charged,
    ``unrecorded`` answers came to their end and have no record in a trail that has to have them.
    """

    scenario: str
    expected: str
    lasted_s: float
    before: dict[str, int]
    during: dict[str, int]
    after: dict[str, int]
    slowest_s: float
    back_s: float
    wrong: int
    unpaid: int = 0
    unrecorded: int = 0
    problems: list[str] = []

    @property
    def sound(self) -> bool:
        """Say whether all was as it should be."""
        as_told = set(self.during) == {self.expected} and set(self.after) == {"ok"}
        return as_told and not (self.wrong or self.unpaid or self.unrecorded or self.problems)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request: which, when, and what came of it."""

    prompt: int
    begun_s: float
    ended_s: float
    reply: Reply


class Crowd:
    """Asks both gateways again and again, and remembers everything."""

    def __init__(self, served: Sequence[Gateway], key: str) -> None:
        self._served, self._key = served, key
        self.asked: list[_Asked] = []
        self.over = False

    async def keep_asking(self, at: int) -> None:
        """Be one client, until it is ``over``."""
        for number in itertools.takewhile(lambda _: not self.over, itertools.count()):
            one = await self.ask(self._served[(at + number) % 2], (7 * at + number) % PROMPTS, stream=number % 3 > 0)
            self.asked.append(one)
            if not one.reply.acknowledged:
                await asyncio.sleep(0.1)

    async def ask(self, gateway: Gateway, prompt: int, *, stream: bool) -> _Asked:
        """Ask one question of one gateway."""
        said = [{"role": "user", "content": f"question {prompt}: what is it?"}]
        body = {"messages": said, "stream": stream, "max_tokens": 12, "temperature": 0}
        begun_s = time.monotonic()
        reply = await ask(gateway.port, body, self._key)
        return _Asked(prompt, begun_s, time.monotonic(), reply)

    def between(self, from_s: float, to_s: float) -> list[_Asked]:
        """Return what was asked and answered in that time."""
        return [one for one in self.asked if from_s <= one.begun_s and one.ended_s <= to_s]


def text_of(reply: Reply) -> str:
    """Return the text of an answer, streamed or whole."""
    if b"data: " not in reply.body[:6]:
        return str(reply.json()["choices"][0]["message"]["content"])
    events = [line[6:] for line in reply.body.split(b"\n") if line.startswith(b"data: {")]
    choices = [choice for event in events for choice in msgspec.json.decode(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def run(name: str, lasts_s: float, folder: Path) -> Outage:
    """Play one scenario."""
    scenario = SCENARIOS[name]
    with ExitStack() as stack:
        server = stack.enter_context(redis(folder / "redis")) if "redis" in scenario.part else None
        computing = stack.enter_context(engines({"dense": ENGINE}, folder))
        told, key = await _settings(scenario, server, folder)
        served = stack.enter_context(gateways(2, told, folder))
        crowd = Crowd(served, key)
        clients = [asyncio.create_task(crowd.keep_asking(at)) for at in range(AT_ONCE)]
        try:
            moments = await _played(scenario.part, lasts_s, served, server, crowd)
        finally:
            crowd.over = True
            await asyncio.gather(*clients)
        unpaid = await _unpaid(told["access"], computing["dense"]) if scenario.budget and scenario.kept else 0
    unrecorded, problems = _trail(folder / "audit", crowd) if "audit" in told else (0, [])
    return _outage(name, crowd, moments, unpaid=unpaid, unrecorded=unrecorded, problems=problems)


async def _settings(scenario: Scenario, server: Redis | None, folder: Path) -> tuple[dict[str, Any], str]:
    told = {"default": "dense", **scenario.settings}
    if not scenario.kept:
        if server is not None:
            told["cache"] = {"redis": server.url}
        return told, ""
    store = {"redis": {"url": server.url}} if server is not None else {"sqlite": str(folder / "accounts.sqlite")}
    away = {"when_store_is_away": told.pop("when_store_is_away")} if "when_store_is_away" in told else {}
    limits = {"budgets": [{"tokens": PLENTY, "per": "ever"}]} if scenario.budget else {"requests_per_minute": PLENTY}
    access = {"store": store, "lease": 10, **away}
    (key,) = await new_keys(access, TENANT)
    return {**told, "access": access, "tenants": {TENANT: {"limits": limits}}}, key


async def _played(
    part: Part, lasts_s: float, served: Sequence[Gateway], server: Redis | None, crowd: Crowd
) -> tuple[float, float, float, float]:
    """Return when the outage began and ended, when all was well again, and when that had been watched for a while."""
    await asyncio.sleep(HEALTHY_S + lasts_s / 10)
    with _away(part, served, server):
        began_s = time.monotonic()
        await asyncio.sleep(lasts_s)
        ended_s = time.monotonic()
    back_s = await _back(served, crowd)
    await asyncio.sleep(HEALTHY_S + lasts_s / 10)
    return began_s, ended_s, back_s, time.monotonic()


@contextmanager
def _away(part: Part, served: Sequence[Gateway], server: Redis | None) -> Iterator[None]:
    undo: list[Callable[[], None]] = []
    if server is not None:
        (server.kill if part == "redis killed" else server.hang)()
        undo.append(server.again if part == "redis killed" else server.go_on)
    else:
        undo += [_filled(gateway.pid) for gateway in served]
    try:
        yield
    finally:
        for one in undo:
            one()


def _filled(pid: int) -> Callable[[], None]:
    """Let a process write to no file any more, and return what ends that."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))

    def undo() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

    return undo


async def _back(served: Sequence[Gateway], crowd: Crowd) -> float:
    """Return when both gateways answer, three times in a row; raises TimeoutError."""
    async with asyncio.timeout(BACK_WITHIN_S):
        row = 0
        while row < 3:  # noqa: PLR2004
            told = [await crowd.ask(gateway, 0, stream=False) for gateway in served]
            row = row + 1 if all(one.reply.acknowledged for one in told) else 0
            await asyncio.sleep(0 if row else 0.05)
    return time.monotonic()


async def _unpaid(access: Mapping[str, Any], engine: Engine) -> int:
    """Return what the engine has computed beyond what was charged, once everything is settled."""
    async with opened(access) as (_, stores):
        until_s = time.monotonic() + BACK_WITHIN_S
        while True:
            kept = await stores.ledger.statement(f"tenant {TENANT}|tokens|ever", time.time_ns() // 1000)
            unpaid = max(0, engine.computed().tokens - kept.settled)
            if not (kept.reserved or unpaid) or time.monotonic() > until_s:
                return unpaid
            await asyncio.sleep(0.2)


def _trail(folder: Path, crowd: Crowd) -> tuple[int, list[str]]:
    """Return how many acknowledged answers have no record, and what the verifier finds wrong."""
    records = {line.record.request_id for _, line in trail(folder) if isinstance(line.record, Answered)}
    told = {one.reply.headers["x-request-id"] for one in crowd.asked if one.reply.acknowledged}
    verdict = verify(folder, [public_key(folder / PUBLIC_FILE)])
    return len(told - records), [f"{one.chain} {one.n}: {one.what}" for one in verdict.problems]


def _outage(name: str, crowd: Crowd, moments: tuple[float, float, float, float], **found: Any) -> Outage:
    began_s, ended_s, back_s, over_s = moments
    healthy = crowd.between(0.0, began_s)
    known = {one.prompt: text_of(one.reply) for one in healthy if one.reply.acknowledged}
    during = crowd.between(began_s, ended_s)
    wrong = sum(
        text_of(one.reply) != known.get(one.prompt) for one in crowd.asked if one.reply.acknowledged
    )  # fmt: skip
    return Outage(
        scenario=name, expected=SCENARIOS[name].expected, lasted_s=round(ended_s - began_s, 1),
        before=_codes(healthy), during=_codes(during), after=_codes(crowd.between(back_s, over_s)),
        slowest_s=round(max((one.ended_s - one.begun_s for one in during), default=0.0), 2),
        back_s=round(back_s - ended_s, 2), wrong=wrong, **found,
    )  # fmt: skip


def _codes(some: Sequence[_Asked]) -> dict[str, int]:
    return dict(Counter(one.reply.code for one in some))


def sheet(found: Sequence[Outage]) -> Sheet:
    """Return the table."""
    head = ["away", "for", "meanwhile", "slowest", "well again after", "wrong", "unpaid", "unrecorded", "sound"]
    rows = [
        [
            one.scenario, f"{one.lasted_s:.0f} s", ", ".join(f"{n} {code}" for code, n in one.during.items()),
            f"{one.slowest_s:.2f} s", f"{one.back_s:.2f} s", str(one.wrong), str(one.unpaid), str(one.unrecorded),
            "yes" if one.sound else "no",
        ]
        for one in found
    ]  # fmt: skip
    return Sheet("Stores and disks that go away under load", head, rows)


def main(
    scenarios: Annotated[list[str] | None, typer.Argument(help="Which, all by default.")] = None,
    *,
    seconds: Annotated[float, typer.Option(help="How long each outage lasts.")] = 30.0,
    dry: Annotated[bool, typer.Option(help="Write nothing.")] = False,
) -> None:
    """Play the scenarios, print what came of them and keep it; ends with 1 where anything was not as it should be."""
    found = []
    for name in scenarios or SCENARIOS:
        with scratch_directory() as folder:
            found.append(asyncio.run(run(name, seconds, folder)))
        typer.echo(msgspec.json.encode(found[-1]).decode())
    show_sheets([sheet(found)])
    if not dry:
        (FOLDER / "outages.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    if not all(one.sound for one in found):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
