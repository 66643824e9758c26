"""The life of a pool as the controller tells it: what happened to which replica, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened ``t_s`` after the beginning."""

    t_s: float
    what: str


@dataclass(slots=True)
class Life:
    """Compares each status with the one before; replicas are numbered as they appear."""

    pool: str
    began_s: float
    _numbers: dict[str, int] = field(default_factory=dict)
    _stages: dict[str, str] = field(default_factory=dict)
    _spoken: set[str] = field(default_factory=set)
    _parked: set[str] = field(default_factory=set)
    _decided: float = 0.0

    def see(self, status: Mapping[str, Any]) -> Iterator[Event]:
        """Yield what has happened since the last status."""
        pool, now_s = status["pools"][self.pool], float(status["at_s"])
        for entry in status["decisions"]:
            if entry["pool"] == self.pool and entry["at_s"] > max(self._decided, self.began_s):
                self._decided = float(entry["at_s"])
                yield self._at(self._decided, f"decided: {entry['from']} to {entry['to']}, {entry['reason']}")
        there = {one["replica"]: one for one in pool["replicas"]}
        for name, one in there.items():
            yield from self._staged(name, one, now_s)
        parked = set(pool["parked"])
        for name in sorted(parked - self._parked):
            yield self._at(now_s, f"{self._name(name)} is sent nothing more")
        self._parked = parked
        for name in [name for name in self._stages if name not in there]:
            yield self._at(now_s, f"{self._name(name)} is gone")
            del self._stages[name]

    def _staged(self, name: str, one: Mapping[str, Any], now_s: float) -> Iterator[Event]:
        stage = one["stage"]
        if name not in self._stages:
            yield self._at(one["requested_s"], f"{self._name(name)} is asked for")
        if self._stages.get(name) != stage:
            # A stage that only Serve knows of is as old as the replica; it is told of when it is seen.
            told = stage in ("requested", "ready") or one["since_s"] > one["requested_s"]
            at_s = float(one["since_s"]) if told and stage != "draining" else now_s
            yield self._at(at_s, f"{self._name(name)}: {stage}{_took(one) if stage == 'ready' else ''}")
        self._stages[name] = stage
        if name not in self._spoken and (one["totals"] or {}).get("generated_tokens", 0) and stage == "ready":
            self._spoken.add(name)
            yield self._at(now_s, f"{self._name(name)} has generated tokens")

    def _name(self, replica: str) -> str:
        return f"replica {self._numbers.setdefault(replica, len(self._numbers) + 1)}"

    def _at(self, at_s: float, what: str) -> Event:
        return Event(t_s=round(at_s - self.began_s, 1), what=what)


def _took(one: Mapping[str, Any]) -> str:
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in (one["startup_s"] or {}).items())
    return f" after {one['since_s'] - one['requested_s']:.1f} s ({stages})"
