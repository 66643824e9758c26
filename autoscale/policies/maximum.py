"""The most that any of several policies asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autoscale.fleet import Fleet
from autoscale.policy import Decision, Policy, PoolDecision


@dataclass(frozen=True, slots=True)
class Maximum:
    """Ask every policy about every fleet, so that all of them remember it, and follow the highest; the first of equals.

    What the others asked for is in ``rejected``. A brown-out is the largest that any of them wants.
    """

    policies: Sequence[Policy]

    def decide(self, fleet: Fleet) -> Decision:
        """Give each pool its highest number."""
        answers = [policy.decide(fleet) for policy in self.policies]
        browned = {name for answer in answers for name in answer.brown_out}
        return Decision(
            pools={name: _highest([answer.pools[name] for answer in answers]) for name in fleet.pools},
            brown_out={name: max(answer.brown_out.get(name, 0.0) for answer in answers) for name in sorted(browned)},
        )


def _highest(asked: Sequence[PoolDecision]) -> PoolDecision:
    first = max(range(len(asked)), key=lambda at: asked[at].replicas)
    others = [f"{one.replicas}: {one.reason}" for at, one in enumerate(asked) if at != first]
    return replace(asked[first], rejected=(*asked[first].rejected, *others))
