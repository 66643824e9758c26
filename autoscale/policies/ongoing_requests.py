"""Size each pool so that every replica has the same number of requests open."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import Field

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policies.kind import Build, PolicySpec
from autoscale.policy import Decision, Policy, PoolDecision, size_each


class OngoingRequestsSpec(PolicySpec):
    """``per_replica`` open requests, running and waiting together, is what a replica should have."""

    kind = "ongoing-requests"

    per_replica: float = Field(gt=0)

    def build(self, _: Build) -> Policy:
        """Build it."""
        return OngoingRequests(self.per_replica)


@dataclass(frozen=True, slots=True)
class OngoingRequests:
    """Divide what is open by what a replica should have, whatever the number of replicas there is now."""

    per_replica: float

    def decide(self, fleet: Fleet) -> Decision:
        """Answer from this one fleet; nothing is remembered."""
        return size_each(fleet, self._size)

    def _size(self, _: str, pool: PoolFleet) -> PoolDecision:
        wanted = math.ceil(pool.ongoing / self.per_replica)
        return PoolDecision(
            replicas=wanted,
            reason=f"work: {pool.ongoing} ongoing, {self.per_replica:g} a replica",
            binds="ongoing-requests",
            numbers={"ongoing_requests": pool.ongoing, "target_requests_per_replica": self.per_replica},
        )
