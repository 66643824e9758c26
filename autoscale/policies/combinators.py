"""Policies around a policy: hysteresis, step limits, bounds, containment."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policies import answered
from autoscale.policies.tally import Tally
from autoscale.policy import Decision, Policy, PoolDecision, hold, revise

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Window:
    """Each pool's recommendations of the last *window_s* seconds; begins with what the pool already had."""

    window_s: float
    _seen: dict[str, list[tuple[float, int]]] = field(default_factory=dict)

    def add(self, name: str, pool: PoolFleet, decision: PoolDecision, at_s: float) -> Iterable[int]:
        seen = self._seen.get(name, [(at_s, pool.target)])
        kept = [(when_s, replicas) for when_s, replicas in seen if when_s > at_s - self.window_s]
        self._seen[name] = [*kept, (at_s, decision.replicas)]
        return [replicas for _, replicas in self._seen[name]]

    def keep(self, names: Iterable[str]) -> None:
        self._seen = {name: self._seen[name] for name in names if name in self._seen}


@dataclass(slots=True)
class HoldDown:
    """Scale down only to the highest recommendation of the last *window_s* seconds."""

    inner: Policy
    window_s: float
    _window: _Window = field(init=False)

    def __post_init__(self) -> None:
        self._window = _Window(self.window_s)

    def decide(self, fleet: Fleet) -> Decision:
        """Raise each answer to the window's highest."""
        self._window.keep(fleet.pools)

        def held(name: str, pool: PoolFleet, decision: PoolDecision) -> PoolDecision:
            highest = max(self._window.add(name, pool, decision, fleet.at_s))
            if highest == decision.replicas:
                return decision
            return _changed(decision, highest, f"{highest} asked for within {self.window_s:g}s")

        return revise(fleet, self.inner.decide(fleet), held)


@dataclass(slots=True)
class HoldUp:
    """Scale up only to the lowest recommendation of the last *window_s* seconds."""

    inner: Policy
    window_s: float
    _window: _Window = field(init=False)

    def __post_init__(self) -> None:
        self._window = _Window(self.window_s)

    def decide(self, fleet: Fleet) -> Decision:
        """Lower each answer above the present target to the window's lowest."""
        self._window.keep(fleet.pools)

        def held(name: str, pool: PoolFleet, decision: PoolDecision) -> PoolDecision:
            lowest = max(pool.target, min(self._window.add(name, pool, decision, fleet.at_s)))
            if decision.replicas <= lowest:
                return decision
            return _changed(decision, lowest, f"more not yet asked for {self.window_s:g}s")

        return revise(fleet, self.inner.decide(fleet), held)


@dataclass(frozen=True, slots=True)
class StepLimit:
    """Move at most *up* or *down* replicas away from the present target, any number where that is None."""

    inner: Policy
    up: int | None
    down: int | None

    def decide(self, fleet: Fleet) -> Decision:
        """Shorten each step."""

        def limited(_: str, pool: PoolFleet, decision: PoolDecision) -> PoolDecision:
            step = decision.replicas - pool.target
            step = step if self.up is None else min(self.up, step)
            step = step if self.down is None else max(-self.down, step)
            return _changed(decision, pool.target + step, f"step from {pool.target} limited")

        return revise(fleet, self.inner.decide(fleet), limited)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Keep every pool between its configured minimum and maximum, and between *least* and *most* where given."""

    inner: Policy
    least: int = 0
    most: int | None = None

    def decide(self, fleet: Fleet) -> Decision:
        """Clamp each answer."""

        def clamped(_: str, pool: PoolFleet, decision: PoolDecision) -> PoolDecision:
            most = pool.max_replicas if self.most is None else min(pool.max_replicas, self.most)
            least = min(max(pool.min_replicas, self.least), most)
            replicas = max(least, min(most, decision.replicas))
            return _changed(decision, replicas, f"at min {least}" if replicas == least else f"at max {most}")

        return revise(fleet, self.inner.decide(fleet), clamped)


@dataclass(slots=True)
class Contained:
    """Turn a policy that raises, forgets a pool or answers what makes no sense into one that holds.

    The *tally* counts each time. A pool that nobody asked about is left out.
    """

    inner: Policy
    tally: Tally = field(default_factory=Tally)

    @property
    def errors(self) -> int:
        """Count the failures of everything that shares the tally."""
        return self.tally.errors

    def decide(self, fleet: Fleet) -> Decision:
        """Answer for every pool, whatever the inner policy does."""
        try:
            return answered.complete(fleet, self.inner.decide(fleet), self._wrong)
        except Exception as error:
            self.tally.errors += 1
            log.exception("policy_failed")
            why = f"policy failed with {type(error).__name__}"
            return Decision(pools={name: hold(pool, why) for name, pool in fleet.pools.items()})

    def _wrong(self, name: str, error: Exception) -> None:
        self.tally.errors += 1
        log.error("policy_answer_wrong pool=%s why=%s", name, error)


def _changed(decision: PoolDecision, replicas: int, note: str) -> PoolDecision:
    if replicas == decision.replicas:
        return decision
    return replace(decision, replicas=replicas, reason=f"{decision.reason}; {note}")
