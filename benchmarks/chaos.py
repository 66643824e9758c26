"""``python -m benchmarks.chaos``: whatever breaks during a burst, everyone is answered and the fleet finds back.

Clients ask again and again, more than one replica answers within the targets, until the default policy has grown the
pool onto a second machine, a raylet of its own. Then controller, engine, machine and gateway are killed, one after the
other, under load. Every answer is checked to its last token; whoever fails asks again, as clients do. Needs what the
tests need. Prints how long everything took, and writes ``results/chaos.json``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.profile_file import write_profile
from autoscale.capacity.step_model import StepModel
from benchmarks.contenders.places import scratch_directory
from benchmarks.results import FOLDER
from benchmarks.setup import facts, utc_now
from cluster.machine import this_machine
from tests.breaking import becomes, breaks, converges, kill_controller, kill_engine, kill_gateway
from tests.crowd import Crowd, crowd
from tests.integration.two_machines import two_machines
from tests.machines import machine
from tests.serving import Serving, serving

CLIENTS = 12
TTFT_S, TPOT_S, RELEASE_AFTER_S = 0.5, 0.04, 5.0
# What the synthetic engine of the tests is: as many clients at once are more than one answers within the targets.
PROFILE = EngineProfile(
    model="dense",
    hardware="cpu",
    step=StepModel(base_s=0.025, prefill_token_s=1.5e-4, prefill_context_s=0.0, sequence_s=5e-4, kv_token_s=0.0),
    limits=EngineLimits(slots=8, batched_tokens=2048, kv_tokens=65_536),
    starts=StartTimes(median_s=5.0, sigma=0.2),
)
_READY_S, _GROWN_S, _AGAIN_S, _CONVERGED_S = 120.0, 120.0, 90.0, 180.0


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """One part that was killed ``t_s`` after the beginning.

    After ``answered_s`` as many answers as twice the clients had come since, and after ``again_s`` the pool was as
    before, ``None`` once its second machine is gone. ``failures`` are streams that broke off meanwhile, ``resumed``
    those that went on at another replica instead.
    """

    what: str
    t_s: float
    answered_s: float
    again_s: float | None
    failures: int
    resumed: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One run: ``whole`` answers, ``lost`` requests that were given up, and the seconds until growth and rest."""

    at: str
    setup: dict[str, str]
    clients: int
    grown_s: float
    broken: list[Broken]
    whole: int
    resumed: int
    failures: list[str]
    lost: int
    burst_s: float
    converged_s: float


@dataclass(slots=True)
class _Burst:
    """Clients at work, and what has been broken so far."""

    one: Serving
    clients: Crowd
    began_s: float = field(default_factory=time.monotonic)
    broken: list[Broken] = field(default_factory=list)

    def break_(self, what: str, break_it: Callable[[Serving], None], *, comes_back: bool = True) -> None:
        """Break something, see that everyone is answered, and that the pool is as before where it can be."""
        t_s, failures, resumed = self.passed_s, len(self.clients.failures), self.clients.resumed
        breaks(self.one, self.clients, break_it, everyone=CLIENTS)
        answered_s = self.passed_s - t_s
        if comes_back:
            becomes(self.one, ready=2, within_s=_AGAIN_S)
        found = Broken(
            what=what,
            t_s=round(t_s, 1),
            answered_s=round(answered_s, 1),
            again_s=round(self.passed_s - t_s, 1) if comes_back else None,
            failures=len(self.clients.failures) - failures,
            resumed=self.clients.resumed - resumed,
        )
        self.broken.append(found)
        typer.echo(_line(found))

    @property
    def passed_s(self) -> float:
        """Return the seconds since the beginning."""
        return time.monotonic() - self.began_s


def broken(directory: Path) -> Found:
    """Serve the pool, break its parts and see it recover. Raises AssertionError with what did not come about."""
    cpus = int(this_machine().cpus)
    with serving(document(cpus, directory), directory, ready_within_s=_READY_S) as one:
        # Its address is the fourth of the loopback, as in the tests.
        with machine(one, 4, cpus=cpus) as second, crowd(one.url, "dense", clients=CLIENTS) as clients:
            burst = _Burst(one, clients)
            becomes(one, ready=2, within_s=_GROWN_S)
            grown_s = burst.passed_s
            typer.echo(f"{grown_s:6.1f} s  the pool has two replicas on two machines; {CLIENTS} clients ask")
            burst.break_("controller", kill_controller)
            burst.break_("engine", kill_engine)
            burst.break_("raylet", lambda _: second.die(), comes_back=False)
            burst.break_("gateway", kill_gateway, comes_back=False)
        burst_s = burst.passed_s
        converges(one, within_s=_CONVERGED_S)
        return Found(
            at=utc_now(),
            setup=_setup(cpus),
            clients=CLIENTS,
            grown_s=round(grown_s, 1),
            broken=burst.broken,
            whole=clients.whole,
            resumed=clients.resumed,
            failures=clients.failures,
            lost=clients.lost,
            burst_s=round(burst_s, 1),
            converged_s=round(burst.passed_s - burst_s, 1),
        )


def document(cpus: int, directory: Path) -> dict[str, Any]:
    """Return the configuration of the test with the default policy; it releases sooner, so that nobody waits for it."""
    tested = two_machines(cpus)
    write_profile(directory / "engine.yaml", PROFILE, source="the options of the engine")
    slo = {"ttft_p95": TTFT_S, "tpot_p95": TPOT_S}
    dense = {**tested["models"]["dense"], "slo": slo, "profile": str(directory / "engine.yaml")}
    return {**tested, "models": {"dense": dense}, "autoscale": {"policy": {"sla": {"release_after": RELEASE_AFTER_S}}}}


def _setup(cpus: int) -> dict[str, str]:
    here = facts()
    return {
        "machine": here["machine"],
        "versions": here["versions"],
        "policy": f"sla, release_after {RELEASE_AFTER_S:g} s, all else at its defaults",
        "machines": f"two raylets of {cpus} CPUs, of which a replica takes all; two gateways",
    }


def _line(one: Broken) -> str:
    again = "one machine is left" if one.again_s is None else f"two replicas again after {one.again_s:.1f} s"
    return (
        f"{one.t_s:6.1f} s  {one.what} killed: everyone answered twice after {one.answered_s:.1f} s, {again};"
        f" {one.failures} streams broke off, {one.resumed} went on elsewhere"
    )


def main(*, dry: Annotated[bool, typer.Option(help="Write nothing.")] = False) -> None:
    """Break everything once, and write what was found."""
    try:
        with scratch_directory() as directory:
            found = broken(directory)
    except AssertionError as error:
        typer.secho(str(error), err=True, fg="red")
        raise typer.Exit(1) from error
    typer.echo(
        f"{found.whole} answers whole in {found.burst_s:.0f} s, {found.resumed} of them from two replicas;"
        f" {len(found.failures)} streams broke off and were asked for again, {found.lost} requests lost;"
        f" one idle replica and everything in sight {found.converged_s:.0f} s after the burst"
    )
    if not dry:
        (FOLDER / "chaos.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    # Only a gateway has streams that nobody else can go on with, and everyone has one.
    if found.lost or any(one.failures for one in found.broken if one.what != "gateway"):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
