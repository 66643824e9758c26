"""No pool gets smaller while something that should be heard is silent, whatever a policy says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policy import Decision, Policy, PoolDecision, revise


@dataclass(frozen=True, slots=True)
class Sighted:
    """Raise each answer on a pool that is not wholly seen to its present target, as far as its maximum allows.

    Nothing is moved away from such a pool either: who cannot see it does not know that it is late.
    """

    inner: Policy

    def decide(self, fleet: Fleet) -> Decision:
        """Hold what is not seen."""

        def held(_: str, pool: PoolFleet, decision: PoolDecision) -> PoolDecision:
            least = min(pool.target, pool.max_replicas)
            if not pool.blind or decision.replicas >= least:
                return decision
            why = "; ".join(pool.blind)
            lost = f"{decision.replicas}: {decision.reason}"
            return replace(
                decision, replicas=least, reason=f"hold: {why}", binds="blind", rejected=(lost, *decision.rejected)
            )

        answer = self.inner.decide(fleet)
        shares = {name: share for name, share in answer.brown_out.items() if _seen(fleet, name)}
        return revise(fleet, replace(answer, brown_out=shares), held)


def _seen(fleet: Fleet, name: str) -> bool:
    pool = fleet.pools.get(name)
    return pool is not None and not pool.blind
