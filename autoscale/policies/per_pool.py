"""Different policies for different pools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from autoscale.fleet import Fleet
from autoscale.policy import Decision, Policy


@dataclass(frozen=True, slots=True)
class PerPool:
    """Ask *others* about the pools that they are named for and *inner* about the rest; none sees another's pools."""

    inner: Policy
    others: Mapping[str, Policy]

    def decide(self, fleet: Fleet) -> Decision:
        """Put the answers together; a pool without one is left out, as whoever forgot it has left it out."""
        answers = [self.inner.decide(_only(fleet, fleet.pools.keys() - self.others.keys()))]
        answers += [policy.decide(_only(fleet, {name})) for name, policy in self.others.items() if name in fleet.pools]
        return Decision(
            pools={name: told for answer in answers for name, told in answer.pools.items()},
            brown_out={name: share for answer in answers for name, share in answer.brown_out.items()},
        )


def _only(fleet: Fleet, names: Iterable[str]) -> Fleet:
    wanted = set(names)
    return replace(fleet, pools={name: pool for name, pool in fleet.pools.items() if name in wanted})
