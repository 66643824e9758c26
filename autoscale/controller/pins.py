"""Sizes that an operator has set by hand, each for a while."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policy import Decision, PoolDecision, revise

LONGEST_S = 30 * 86_400.0
LONGEST_WHY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """So many replicas until ``until_s`` (Unix time), and why."""

    replicas: int
    set_s: float
    until_s: float
    why: str


@dataclass(slots=True)
class Pins:
    """Pins by pool. A pool's bounds hold over its pin; an expired pin is as good as none."""

    _pins: dict[str, Pin] = field(default_factory=dict)

    def pin(self, pool: str, low: int, high: int, pin: Pin) -> str:
        """Set the size of *pool*, whose bounds are *low* and *high*. Return why not, "" where it is set."""
        if not low <= pin.replicas <= high:
            return f"{pool} may have {low} to {high} replicas, not {pin.replicas}: change models.{pool}.replicas first"
        if not 0 < pin.until_s - pin.set_s <= LONGEST_S:
            return f"a pin lasts more than nothing and {LONGEST_S / 86_400:.0f} days at most"
        if not pin.why.strip() or len(pin.why) > LONGEST_WHY:
            return f"a pin needs a reason, of {LONGEST_WHY} characters at most"
        self._pins[pool] = pin
        return ""

    def unpin(self, pool: str) -> str:
        """Take a pin out. Return why not, "" where there is one no longer."""
        return "" if self._pins.pop(pool, None) is not None else f"{pool} is not pinned"

    def expire(self, now_s: float) -> Mapping[str, Pin]:
        """Drop the pins whose time is over, and return them."""
        over = {pool: pin for pool, pin in self._pins.items() if pin.until_s <= now_s}
        self._pins = {pool: pin for pool, pin in self._pins.items() if pool not in over}
        return over

    def keep_only(self, pools: Collection[str]) -> None:
        """Forget the pins of pools that are not configured any more."""
        self._pins = {pool: pin for pool, pin in self._pins.items() if pool in pools}

    def of(self, pool: str) -> Pin | None:
        """Return the pin of *pool*."""
        return self._pins.get(pool)

    def over(self, fleet: Fleet, decision: Decision) -> Decision:
        """Put pins in the place of what was decided, which is told as the alternative."""

        def pinned(name: str, pool: PoolFleet, told: PoolDecision) -> PoolDecision:
            pin = self._pins.get(name)
            return told if pin is None else _pinned(pin, pool, told, fleet.at_s)

        return revise(fleet, decision, pinned)

    def plain(self) -> dict[str, dict[str, Any]]:
        """Return all as plain JSON."""
        return {pool: asdict(pin) for pool, pin in self._pins.items()}

    def take(self, plain: Mapping[str, Mapping[str, Any]]) -> None:
        """Take up what an earlier process had."""
        self._pins = {pool: Pin(**fields) for pool, fields in plain.items()}


def _pinned(pin: Pin, pool: PoolFleet, told: PoolDecision, now_s: float) -> PoolDecision:
    replicas = max(pool.min_replicas, min(pool.max_replicas, pin.replicas))
    bounded = "" if replicas == pin.replicas else f", bounds make it {replicas}"
    reason = f"pinned to {pin.replicas} for another {pin.until_s - now_s:.0f}s{bounded}: {pin.why}"
    lost = f"{told.replicas}: {told.reason}"
    return replace(told, replicas=replicas, reason=reason, binds="pin", rejected=(lost, *told.rejected))
