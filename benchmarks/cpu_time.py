"""CPU seconds of a server, split into the engine's own processes and everything else.

The engine is what raw vLLM calls its engine core and its workers: the processes that schedule and compute. All else is
framework: front ends, Ray's daemons, Serve's controller, proxies, HAProxy, gateways, replicas. A synthetic engine has
no process of its own; whoever holds it is framework.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import psutil

ENGINE_TITLES = ("VLLM::EngineCore", "VLLM::Worker")
Key = tuple[int, float]  # a process id and when that process began, because ids are used again


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What one process has used since it began."""

    title: str
    cpu_s: float

    @property
    def engine(self) -> bool:
        """Say whether the process is the engine's own."""
        return self.title.startswith(ENGINE_TITLES)


Reading = Mapping[Key, Used]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """CPU seconds between two readings."""

    engine_s: float
    framework_s: float


def spent(before: Reading, after: Reading) -> Spent:
    """Return what was used between two readings.

    A process that began in between counts from its beginning. What one used that ended in between is lost: a server
    under a steady load ends none.
    """
    grown = {key: used.cpu_s - (before[key].cpu_s if key in before else 0.0) for key, used in after.items()}
    engine_s = sum(seconds for key, seconds in grown.items() if after[key].engine)
    return Spent(engine_s=engine_s, framework_s=sum(grown.values()) - engine_s)


def processes(root: psutil.Process, marker: str) -> list[psutil.Process]:
    """Return *root*, its descendants, and whoever carries *marker* in its environment though its parents are gone."""
    try:
        family = {process.pid: process for process in (root, *root.children(recursive=True))}
    except psutil.NoSuchProcess:
        family = {}
    family |= {process.pid: process for process in _marked(marker) if process.pid not in family}
    return list(family.values())


def reading(of: Iterable[psutil.Process]) -> dict[Key, Used]:
    """Read the clocks of the processes that still run."""
    return dict(_clocks(of))


def _clocks(of: Iterable[psutil.Process]) -> Iterator[tuple[Key, Used]]:
    for process in of:
        try:
            with process.oneshot():
                times = process.cpu_times()
                title = " ".join(process.cmdline()) or process.name()
                yield (process.pid, process.create_time()), Used(title=title, cpu_s=times.user + times.system)
        except psutil.Error:
            continue


def _marked(marker: str) -> Iterator[psutil.Process]:
    name, _, value = marker.partition("=")
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value:
                yield process
        except (psutil.Error, OSError):
            continue
