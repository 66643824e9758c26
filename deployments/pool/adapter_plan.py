"""What a replica should do next about its LoRA adapters: wanted + held + failed -> unload, load. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RETRY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One adapter to hold; a declared one has serial 0."""

    source: str
    serial: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An adapter that could not be loaded, why, and when that was on the monotonic clock."""

    wanted: Wanted
    reason: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What to do next: names to unload, then names to load."""

    unload: tuple[str, ...]
    load: tuple[str, ...]


def due(wanted: Mapping[str, Wanted], held: Mapping[str, Wanted], failed: Mapping[str, Failed], now_s: float) -> Due:
    """Compare what a replica should hold with what it holds; what failed is due again later, or once it is changed."""
    resting = {name for name, one in failed.items() if one.wanted == wanted.get(name) and now_s - one.at_s < RETRY_S}
    return Due(
        unload=tuple(sorted(name for name, one in held.items() if wanted.get(name) != one)),
        load=tuple(sorted(name for name, one in wanted.items() if held.get(name) != one and name not in resting)),
    )
