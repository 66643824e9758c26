"""A burst played to a served fleet: requests over HTTP, and a look at the controller each second."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from autoscale.sim.arrivals import Arrivals
from autoscale.sim.outcome import ATTAINMENT_WINDOW_S
from benchmarks.live_burst_course import Change, Course, each_second, windows
from benchmarks.live_burst_fleet import ENVIRONMENT, POOL, Fleet
from benchmarks.open_loop import Asked, Heard, Plan, Result, loaded
from benchmarks.served import Cpu, Served, served

# A synthetic engine takes four characters for a token.
_TOKEN = 4
_SETTLED_S, _ENDED_S = 60.0, 90.0
_SAID_EVERY = 5


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What happened: the course as controller and gateway tell it, beside what clients saw and what the machine did.

    ``began_s`` is the Unix time of the first second, ``said`` what the policy said now and then. ``clients_attainment``
    is the share of requests within both targets as clients saw them; ``cpu`` are shares of all cores, of each second.
    ``by_formulas`` is the share of looks at which the policy's capacity was one by formulas, not simulated yet.
    """

    course: Course
    said: list[str]
    began_s: float
    requests: int
    failed: list[str]
    clients_attainment: float
    late_s: float
    generator_cpu: float
    cpu: list[float]
    by_formulas: float = 0.0

    @property
    def cpu_mean(self) -> float:
        """Return the mean share of all cores in use."""
        return float(np.mean(self.cpu))


def played(fleet: Fleet, arrivals: Arrivals, span_s: float, directory: Path) -> Played:
    """Serve *fleet*, send it *arrivals*, and return what happened in *span_s* seconds and until all was answered."""
    with served(fleet.document(directory), directory, ENVIRONMENT) as one:
        one.until(_settled, POOL, within_s=_SETTLED_S)
        with loaded(one.port, plan(arrivals)) as load:
            cpu, began_s = Cpu(), time.time()
            watch = _Watch(began_s)
            load.begin()
            while not load.over or time.time() < began_s + span_s:
                watch.look(one)
                cpu.look()
                time.sleep(1.0 - (time.time() - began_s) % 1.0)
            result = load.result()
        one.until(lambda pool: _judged(pool) >= len(arrivals), POOL, within_s=_ENDED_S)
        watch.look(one)
    return _told(fleet, result, watch, cpu, span_s)


def plan(arrivals: Arrivals) -> Plan:
    """Return what the generator sends."""
    rows = zip(arrivals.t_s.tolist(), arrivals.prompt.tolist(), arrivals.output.tolist(), strict=True)
    return Plan(
        model=POOL,
        requests=[Asked(t_s=t_s, characters=_TOKEN * prompt, tokens=output) for t_s, prompt, output in rows],
    )


def taking(pool: Mapping[str, Any]) -> int:
    """Count the ready replicas that take requests: one that is released finishes its own before Serve hears of it."""
    parked = set(pool["parked"])
    return sum(one["stage"] == "ready" and one["replica"] not in parked for one in pool["replicas"])


@dataclass(slots=True)
class _Watch:
    """Everything that the controller said since *began_s* (Unix time)."""

    began_s: float
    t_s: list[int] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    target: list[int] = field(default_factory=list)
    by_formulas: list[float] = field(default_factory=list)
    changes: dict[float, dict[str, Any]] = field(default_factory=dict)
    starts: dict[str, tuple[float, float]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    last: Mapping[str, Any] = field(default_factory=dict)

    def look(self, one: Served) -> None:
        """Note what it says now."""
        status = one.status()
        if status is None:
            return
        pool = self.last = status["pools"][POOL]
        # Looked at just after a whole second, it is what holds at that second, not only at the next.
        self.t_s.append(math.floor(status["at_s"] - self.began_s))
        self.ready.append(taking(pool))
        if (provisional := pool["decision"]["numbers"].get("capacity_provisional")) is not None:
            self.by_formulas.append(provisional)
        self.target.append(pool["target"])
        self.changes |= {entry["at_s"]: entry for entry in status["decisions"] if entry["pool"] == POOL}
        for replica in pool["replicas"]:
            if replica["stage"] == "ready" and replica["requested_s"] > self.began_s:
                asked_s = replica["requested_s"]
                self.starts.setdefault(replica["replica"], (asked_s, replica["since_s"] - asked_s))
        if len(self.t_s) % _SAID_EVERY == 0:
            self.said.append(f"{self.t_s[-1]} s: {pool['decision']['reason']}")


def _told(fleet: Fleet, result: Result, watch: _Watch, cpu: Cpu, span_s: float) -> Played:
    seconds, whole = math.ceil(span_s), [one for one in result.answers if not one.fault]
    ttft = [one.first_s - one.sent_s for one in whole if one.first_s is not None]
    good = [_good(one, fleet) for one in result.answers]
    course = Course(
        ready=each_second(watch.t_s, watch.ready, seconds, 1),
        target=each_second(watch.t_s, watch.target, seconds, 1),
        judged=_judged(watch.last),
        within=int(watch.last["decision"]["numbers"]["within"]),
        ttft_p50_s=float(np.quantile(ttft, 0.5)),
        ttft_p95_s=float(np.quantile(ttft, 0.95)),
        tpot_mean_s=float(np.mean([_tpot_s(one) for one in whole])),
        changes=[
            Change(t_s=at_s - result.began_s, replicas=entry["to"], reason=entry["reason"])
            for at_s, entry in sorted(watch.changes.items())
            if at_s - result.began_s >= 0
        ],
        asked_s=[round(asked_s - result.began_s, 2) for asked_s, _ in watch.starts.values()],
        starts_s=[round(took_s, 2) for _, took_s in watch.starts.values()],
        attained=windows([one.sent_s for one in result.answers], good, ATTAINMENT_WINDOW_S),
    )
    return Played(
        course=course,
        said=watch.said,
        began_s=result.began_s,
        requests=len(result.answers),
        failed=sorted(set(result.faults)),
        clients_attainment=sum(good) / len(good),
        late_s=result.late_s,
        generator_cpu=result.cpu_share,
        cpu=[round(share, 3) for share in cpu.shares],
        by_formulas=float(np.mean(watch.by_formulas or [0.0])),
    )


def _good(one: Heard, fleet: Fleet) -> bool:
    slo = fleet.slo
    if one.fault or one.first_s is None or slo.ttft_p95_s is None or slo.tpot_p95_s is None:
        return False
    return one.first_s - one.sent_s <= slo.ttft_p95_s and _tpot_s(one) <= slo.tpot_p95_s


def _tpot_s(one: Heard) -> float:
    return (one.ended_s - (one.first_s or 0.0)) / (one.tokens - 1) if one.tokens > 1 else 0.0


def _settled(pool: Mapping[str, Any]) -> bool:
    return bool(pool["stages"] == {"ready": 1} and not pool["blind"] and pool["decision"])


def _judged(pool: Mapping[str, Any]) -> int:
    return int(pool["decision"]["numbers"].get("judged", 0))
