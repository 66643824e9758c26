"""Size each pool so that what waits for a first token has it soon."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import Field

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policies.kind import Build, PolicySpec
from autoscale.policy import Decision, Policy, PoolDecision, size_each
from deployments.quantities import Seconds


class QueueDrainSpec(PolicySpec):
    """``within`` is how soon all that wait for a first token should have one."""

    kind = "queue-drain"

    within: Seconds = Field(default=5.0, gt=0)

    def build(self, _: Build) -> Policy:
        """Build it."""
        return QueueDrain(self.within)


@dataclass(frozen=True, slots=True)
class QueueDrain:
    """Ask for slots for all that is open, and for more where first tokens come too slowly for the queue.

    Both are absolute numbers from the replicas that are ready, so pending ones are not asked for twice. An empty queue
    alone never empties a pool: what runs still needs its slots.
    """

    within_s: float

    def decide(self, fleet: Fleet) -> Decision:
        """Answer from this one fleet; nothing is remembered."""
        return size_each(fleet, self._size)

    def _size(self, _: str, pool: PoolFleet) -> PoolDecision:
        seats = math.ceil(pool.ongoing / pool.slots) if pool.slots else min(pool.ongoing, max(1, pool.target))
        held = pool.demand.held if pool.demand else 0
        per_s = pool.demand.first_token_rate if pool.demand else 0.0
        drain_s = held / per_s if per_s > 0 else 0.0
        numbers = {"held_requests": held, "first_tokens_per_s": per_s, "drain_s": drain_s}
        if drain_s <= self.within_s:
            reason = f"seats: {pool.ongoing} ongoing, {pool.slots} slots each; {held} held need {drain_s:.1f}s"
            return PoolDecision(replicas=seats, reason=reason, binds="seats", numbers=numbers)
        wanted = math.ceil(min(pool.max_replicas, pool.ready * drain_s / self.within_s))
        reason = f"queue: {held} held need {drain_s:.1f}s > {self.within_s:g}s, {pool.ready} ready"
        return PoolDecision(replicas=max(seats, wanted), reason=reason, binds="queue-drain", numbers=numbers)
