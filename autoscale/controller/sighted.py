"""No pool gets smaller while something that should be heard is silent, whatever a policy says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policy import Decision, Policy, PoolDecision, revise


@dataclass(frozen=True, slots=True)
class Sighted:
    """Raise each answer on a pool that is not wholly seen to its present target, as far as its maximum allows.

    No more is moved away from such a pool than is already: who cannot see it does not know that it is late, nor that
    it no longer is.
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
        shares = {name: _share(fleet.pools.get(name), share) for name, share in answer.brown_out.items()}
        told = {name: share for name, share in shares.items() if share > 0}
        return revise(fleet, replace(answer, brown_out=told), held)


def _share(pool: PoolFleet | None, asked: float) -> float:
    if pool is None:
        return 0.0
    return min(asked, pool.brown_out) if pool.blind else asked
