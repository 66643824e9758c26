"""The decisions that changed something, newest last, and the log line of each."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from autoscale.fleet import Fleet
from autoscale.policy import Decision

log = logging.getLogger("tercet.autoscale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One pool's decision at ``at_s`` (Unix time); ``binds``, ``rejected`` and ``numbers`` are the policy's."""

    at_s: float
    pool: str
    before: int
    after: int
    reason: str
    binds: str = ""
    rejected: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Journal:
    """Keep the last changes, what each pool was last told, and how often it was to grow and to shrink."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=100))
    last: dict[str, Entry] = field(default_factory=dict)
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)

    def record(self, fleet: Fleet, decision: Decision, *, mode: str) -> None:
        """Keep *decision*; a change is logged once, not again for each tick until Serve has followed it."""
        for name, pool in fleet.pools.items():
            told = decision.pools[name]
            entry = Entry(
                at_s=fleet.at_s,
                pool=name,
                before=pool.target,
                after=told.replicas,
                reason=told.reason,
                binds=told.binds,
                rejected=told.rejected,
                numbers=dict(told.numbers),
            )
            if entry.after != entry.before and not self._repeats(entry):
                self.entries.append(entry)
                up, down = self.counted.get(name, (0, 0))
                grows = entry.after > entry.before
                self.counted[name] = (up + grows, down + (not grows))
                log.info(_line(entry, mode))
            else:
                log.debug(_line(entry, mode))
            self.last[name] = entry

    def _repeats(self, entry: Entry) -> bool:
        last = self.last.get(entry.pool)
        return last is not None and (last.before, last.after) == (entry.before, entry.after)


def _line(entry: Entry, mode: str) -> str:
    fields = {"pool": entry.pool, "from": entry.before, "to": entry.after, "mode": mode, "reason": entry.reason}
    return "scaling_decided " + " ".join(f"{key}={json.dumps(value)}" for key, value in fields.items())
