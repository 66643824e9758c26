"""Lines that tell a person what every pool is doing while a cluster starts. Pure: status in, lines out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STAGES = ("requested", "placed", "building", "loading", "warming", "ready")
_WORDS = {
    "requested": "requested",
    "placed": "starting",
    "building": "building checkpoint",
    "loading": "loading",
    "warming": "warming",
    "ready": "ready",
}
REMINDER_S = 20.0
SHORT_S = 0.5


def clock(elapsed_s: float) -> str:
    """Write a duration as ``m:ss``."""
    return f"{int(elapsed_s) // 60}:{int(elapsed_s) % 60:02d}"


@dataclass(slots=True)
class Progress:
    """Remembers what was last said of each pool, so that a line appears when something changes or takes long."""

    began_s: float
    _said: dict[str, tuple[str, float, float]] = field(default_factory=dict)

    def lines(self, pools: Mapping[str, Any], now_s: float) -> list[str]:
        """Return what is new at *now_s* given each pool's furthest stage (``status['pools']``)."""
        return [line for name, pool in pools.items() if (line := self._line(name, pool, now_s))]

    def _line(self, name: str, pool: Mapping[str, Any], now_s: float) -> str | None:
        stage = furthest(pool)
        said, since_s, last_s = self._said.get(name, ("", now_s, now_s))
        at = clock(now_s - self.began_s)
        if stage != said:
            self._said[name] = (stage, now_s, now_s)
            took = f"  ({said and _WORDS[said]} took {clock(now_s - since_s)})" if said else ""
            parts = startup(pool) if stage == "ready" else ""
            return f"  {at:>5}  {name:<14} {_WORDS[stage]}{parts or took}"
        if stage != "ready" and now_s - last_s >= REMINDER_S:
            self._said[name] = (stage, since_s, now_s)
            return f"  {at:>5}  {name:<14} {_WORDS[stage]}, {clock(now_s - since_s)} so far"
        return None


def startup(pool: Mapping[str, Any]) -> str:
    """Say what the start of a ready replica was made of, in seconds; nothing where it was too short to matter."""
    ready = (replica for replica in pool.get("replicas", ()) if replica["stage"] == "ready")
    stages = next((replica.get("startup_s") or {} for replica in ready), {})
    parts = ", ".join(
        f"{stage.replace('_', ' ')} {took_s:.0f}" for stage, took_s in stages.items() if took_s >= SHORT_S
    )
    return f"  (seconds: {parts})" if parts else ""


def furthest(pool: Mapping[str, Any]) -> str:
    """Return the furthest stage that any replica of the pool has reached."""
    stages = pool.get("stages", {})
    return next((stage for stage in reversed(STAGES) if stages.get(stage)), "requested")


def waiting_for(pools: Mapping[str, Any]) -> list[str]:
    """Return the pools that promised a replica and have none ready."""
    return [name for name, pool in pools.items() if pool.get("min", 0) >= 1 and furthest(pool) != "ready"]
