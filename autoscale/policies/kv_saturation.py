"""Size each pool so that its KV caches are filled to a share."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydantic import Field

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policies.kind import Build, PolicySpec
from autoscale.policy import Decision, Policy, PoolDecision, size_each
from deployments.quantities import Share


class KvSaturationSpec(PolicySpec):
    """``target`` is the share of a replica's KV cache that should be in use, the prompts in its queue included."""

    kind = "kv"

    target: Share = Field(default=0.7, gt=0, validate_default=True)

    def build(self, _: Build) -> Policy:
        """Build it."""
        return KvSaturation(self.target)


@dataclass(frozen=True, slots=True)
class KvSaturation:
    """Add up the caches in use and divide by what one should have.

    Prompts that wait will need room too, and count as far as the size of the cache is known. A pool whose prefill is
    its bottleneck shows little here: combine it with a rule on the queue.
    """

    target: float

    def decide(self, fleet: Fleet) -> Decision:
        """Answer from this one fleet; nothing is remembered."""
        return size_each(fleet, self._size)

    def _size(self, _: str, pool: PoolFleet) -> PoolDecision:
        loads = [replica.load for replica in pool.replicas if replica.load and replica.stage != "draining"]
        used = sum(load.kv_used for load in loads)
        queued = (
            sum(load.queued_prompt_tokens for load in loads) / pool.limits.kv_tokens if pool.limits.kv_tokens else 0.0
        )
        # An empty cache with requests on their way to it is not an idle pool.
        wanted = max(math.ceil((used + queued) / self.target), 1 if pool.ongoing else 0)
        return PoolDecision(
            replicas=wanted,
            reason=f"kv: {used:.2f} caches in use and {queued:.2f} queued, {self.target:g} each",
            binds="kv",
            numbers={"kv_caches_used": used, "kv_caches_queued": queued, "target_share": self.target},
        )
