"""``python -m benchmarks.live_vllm``: a pool of real vLLM engines goes from one replica to two and back under load.

Requests come over HTTP whatever has become of those before. First some, from which the default policy learns what a
replica carries; then more than one carries, until two do; then hardly any, until one is left. Every answer is checked
to its last token. Prints what happened to whom and when, and writes ``results/live_vllm.json``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Any

import msgspec
import numpy as np
import typer

from benchmarks.contenders.places import scratch_directory
from benchmarks.contenders.server import DidNotStartError
from benchmarks.live_vllm_watch import Event, Life
from benchmarks.open_loop import Asked, Heard, Plan, loaded
from benchmarks.results import FOLDER
from benchmarks.served import Cpu, Served, served
from benchmarks.setup import facts, utc_now

POOL = "dense"
RELEASE_AFTER_S = 60.0
TTFT_S, TPOT_S = 4.0, 0.25
TOKENS, CHARACTERS = 64, 240
DOCUMENT: Mapping[str, Any] = {
    "models": {
        POOL: {
            "family": "dense",
            "source": "demo/dense",
            "replicas": {"min": 1, "max": 2},
            "engine": {"kv_cache_memory_bytes": 536870912, "max_num_seqs": 16, "max_model_len": 1024},
            "slo": {"ttft_p95": TTFT_S, "tpot_p95": TPOT_S},
            "max_waiting": 2000,
        }
    },
    # Its default is a quarter of an hour, which nobody waits for here; all else of the default policy is as it ships.
    "autoscale": {"policy": {"sla": {"release_after": RELEASE_AFTER_S}}},
}
FIRST_RPS, FIRST_S = 0.7, 40.0
# After so large a jump the policy takes its forecasts for as wrong as that, and keeps room for another one.
MORE, MORE_S, LAST_RPS, LAST_S = 1.15, 75.0, 0.03, 30.0
# The forecast falls to what one replica carries with room to spare within a minute of the last rush; until a replica
# goes that must have been so for as long as a start takes, nine times out of ten, or for release_after.
WITHIN_S = 300.0


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One run; ``lost`` says what was wrong with answers that were not whole."""

    at: str
    setup: dict[str, str]
    events: list[Event]
    requests: int
    lost: list[str]
    attainment: float
    ttft_p50_s: float
    ttft_p95_s: float
    tpot_mean_s: float
    cpu_mean: float


@dataclass(slots=True)
class _Run:
    """One run under way."""

    one: Served
    life: Life
    events: list[Event] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    cpu: Cpu = field(default_factory=Cpu)

    def look(self) -> Mapping[str, Any] | None:
        """Print what is new, and return what the controller says."""
        status = self.one.status()
        self.cpu.look()
        for event in self.life.see(status) if status else ():
            self.events.append(event)
            typer.echo(f"{event.t_s:7.1f} s  {event.what}")
        return None if status is None else status["pools"][POOL]

    def send(self, rate_rps: float, seconds: float, done: Callable[[Mapping[str, Any]], bool] | None = None) -> None:
        """Send requests at this rate for so many seconds, at least one of them, and again until *done*."""
        deadline_s = time.monotonic() + WITHIN_S
        while True:
            self._say(f"{rate_rps:.2g} requests a second")
            with loaded(self.one.port, _plan(rate_rps, seconds, seed=len(self.heard))) as load:
                load.begin()
                ends_s = time.monotonic() + seconds
                pool = self.look()
                while not load.over or time.monotonic() < ends_s:  # the last answer may come long before the end
                    time.sleep(0.5)
                    pool = self.look() or pool
                self.heard += load.result().answers
            if done is None or (pool is not None and done(pool)):
                return
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"not within {WITHIN_S:g} s: {rate_rps:g}/s; stages {pool and pool['stages']}")

    def learn(self) -> float:
        """Send requests until the policy knows what a replica carries, and return that. Raises TimeoutError."""
        learnt = list[float]()

        def known(pool: Mapping[str, Any]) -> bool:
            learnt.append(float(pool["decision"]["numbers"].get("capacity_rps") or 0.0))
            return learnt[-1] > 0

        self.send(FIRST_RPS, FIRST_S, known)
        return learnt[-1]

    def _say(self, what: str) -> None:
        event = Event(t_s=round(time.time() - self.life.began_s, 1), what=what)
        self.events.append(event)
        typer.echo(f"{event.t_s:7.1f} s  {event.what}")


def measured(directory: Path) -> Found:
    """Serve the pool and have it grow and shrink. Raises DidNotStartError and TimeoutError."""
    with served(DOCUMENT, directory) as one:
        run = _Run(one, Life(POOL, time.time()))
        run.send(MORE * run.learn(), MORE_S, lambda pool: pool["stages"].get("ready") == 2)  # noqa: PLR2004
        run.send(LAST_RPS, LAST_S, lambda pool: pool["stages"] == {"ready": 1})
    return _found(run)


def _plan(rate_rps: float, seconds: float, *, seed: int) -> Plan:
    random, t_s, asked = Random(seed), 0.0, list[Asked]()  # noqa: S311 - arrivals, no secret
    while (t_s := t_s + random.expovariate(rate_rps)) < seconds:
        asked.append(Asked(t_s=t_s, characters=CHARACTERS, tokens=TOKENS))
    return Plan(model=POOL, requests=asked or [Asked(t_s=0.0, characters=CHARACTERS, tokens=TOKENS)], seed=seed)


def _found(run: _Run) -> Found:
    whole = [one for one in run.heard if not one.fault and one.first_s is not None]
    ttft = np.array([(one.first_s or 0.0) - one.sent_s for one in whole])
    tpot = np.array([(one.ended_s - (one.first_s or 0.0)) / (one.tokens - 1) for one in whole])
    return Found(
        at=utc_now(),
        setup={**facts(), "policy": f"sla, release_after {RELEASE_AFTER_S:g} s, all else at its defaults"},
        events=run.events,
        requests=len(run.heard),
        lost=[one.fault for one in run.heard if one.fault],
        attainment=float(((ttft <= TTFT_S) & (tpot <= TPOT_S)).sum() / len(run.heard)),
        ttft_p50_s=float(np.quantile(ttft, 0.5)),
        ttft_p95_s=float(np.quantile(ttft, 0.95)),
        tpot_mean_s=float(tpot.mean()),
        cpu_mean=float(np.mean(run.cpu.shares)),
    )


def main(*, dry: Annotated[bool, typer.Option(help="Write nothing.")] = False) -> None:
    """Measure, and write what was found."""
    try:
        with scratch_directory() as directory:
            found = measured(directory)
    except (DidNotStartError, TimeoutError) as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(1) from error
    typer.echo(
        f"{found.requests} requests, {len(found.lost)} lost; {found.attainment:.1%} within {TTFT_S:g} s and"
        f" {1e3 * TPOT_S:g} ms a token; TTFT p50 {found.ttft_p50_s:.2f} s, p95 {found.ttft_p95_s:.2f} s"
    )
    if not dry:
        (FOLDER / "live_vllm.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    if found.lost:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
