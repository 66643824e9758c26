"""A limit on what all pools together cost an hour."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autoscale.fleet import Fleet
from autoscale.policy import Decision, Policy


@dataclass(frozen=True, slots=True)
class CostCeiling:
    """Take replicas away until the rest cost at most *per_hour*, one at a time, from whom they are missed least.

    The pool of the lowest priority gives first; among equals the one that keeps the largest share of what it asked
    for. No pool gives up its minimum, even where the minimums alone cost more.
    """

    inner: Policy
    per_hour: float

    def decide(self, fleet: Fleet) -> Decision:
        """Trim the inner answers."""
        decision = self.inner.decide(fleet)
        asked = {name: told.replicas for name, told in decision.pools.items()}
        given = self._trimmed(fleet, asked)
        note = f"cut to keep all pools within {self.per_hour:g} an hour"
        pools = {
            name: told
            if given[name] == asked[name]
            else replace(
                told,
                replicas=given[name],
                reason=f"{told.reason}; {note}",
                binds="cost-ceiling",
                rejected=(*told.rejected, f"{asked[name]}: over the cost ceiling"),
            )
            for name, told in decision.pools.items()
        }
        return replace(decision, pools=pools)

    def _trimmed(self, fleet: Fleet, asked: dict[str, int]) -> dict[str, int]:
        given = dict(asked)
        cost = sum(count * fleet.pools[name].hardware.cost_per_hour for name, count in given.items())
        while cost > self.per_hour * (1 + 1e-9):
            able = [
                name
                for name, count in given.items()
                if count > fleet.pools[name].min_replicas and fleet.pools[name].hardware.cost_per_hour > 0
            ]
            if not able:
                break
            least = min(able, key=lambda name: (fleet.pools[name].priority, -given[name] / asked[name], name))
            given[least] -= 1
            cost -= fleet.pools[least].hardware.cost_per_hour
        return given
