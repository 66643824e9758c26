"""A rule that sizes one pool at its own pace, and the policy that asks such a rule for each pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policy import Decision, PoolDecision


class Rule(Protocol):
    """One pool's rule, with windows of its own.

    ``see`` is called at every look at the fleet. ``size`` is called after it whenever ``interval_s`` has passed since
    the last time. Neither reads anything but its arguments.
    """

    @property
    def interval_s(self) -> float:
        """Return how often the rule decides, in seconds; 0 for at every look."""
        ...

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Take a sample of what the rule keeps windows of."""
        ...

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer for this pool."""
        ...


class Sampleless:
    """A rule that looks at nothing between its decisions."""

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Keep nothing."""


@dataclass(slots=True)
class _Polled:
    """One pool's rule, when it is next asked, and its last answer."""

    rule: Rule
    due_s: float
    answer: PoolDecision | None = None


@dataclass(slots=True)
class RulePolicy:
    """Ask each pool's own copy of a rule when its interval has passed; in between its last answer stands.

    Answers are clamped to the pool's bounds, as every one of the peers does.
    """

    make: Callable[[], Rule]
    _pools: dict[str, _Polled] = field(default_factory=dict)

    def decide(self, fleet: Fleet) -> Decision:
        """Answer for every pool in *fleet*."""
        return Decision(pools={name: self._answer(name, pool, fleet.at_s) for name, pool in fleet.pools.items()})

    def _answer(self, name: str, pool: PoolFleet, at_s: float) -> PoolDecision:
        polled = self._pools.get(name)
        if polled is None:
            polled = self._pools[name] = _Polled(self.make(), at_s)
        polled.rule.see(pool, at_s)
        if polled.answer is None or at_s >= polled.due_s:
            polled.answer = _clamped(pool, polled.rule.size(pool, at_s))
            polled.due_s = max(polled.due_s + polled.rule.interval_s, at_s)
        return polled.answer


def _clamped(pool: PoolFleet, decision: PoolDecision) -> PoolDecision:
    replicas = max(pool.min_replicas, min(pool.max_replicas, decision.replicas))
    return decision if replicas == decision.replicas else replace(decision, replicas=replicas)
