"""Size each pool by the work in it and by its time to first token."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from autoscale.fleet import Fleet, PoolFleet
from autoscale.policies.kind import Build, PolicySpec
from autoscale.policy import Decision, Policy, PoolDecision, hold
from deployments.quantities import Seconds
from deployments.signals import quantile


class QueueSpec(PolicySpec):
    """The queue policy: as many replicas as the work in the pool and its time to first token ask for.

    ``target_utilization`` is the share of a replica's slots that ongoing requests should fill. ``queue_drain`` is how
    soon the requests that wait for a first token should all have one. ``ttft_headroom`` is the share of the TTFT
    target under which one replica fewer is allowed. ``ttft_window`` is the time over which TTFT is measured;
    fewer than ``ttft_samples`` answers in it say nothing.
    """

    kind = "queue"

    target_utilization: float = Field(default=0.7, gt=0, le=1)
    queue_drain: Seconds = Field(default=5.0, gt=0)
    ttft_headroom: float = Field(default=0.8, gt=0, le=1)
    ttft_window: Seconds = Field(default=30.0, gt=0)
    ttft_samples: int = Field(default=5, ge=1)

    def build(self, within: Build) -> Policy:
        """Build it, with the configuration's common options where it has none of its own."""
        return QueuePolicy(spec=self if self.model_fields_set else within.queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePolicy:
    """Give each pool the most that any of its rules asks for.

    Every rule asks for an absolute number, derived from ready replicas and never from pending ones, so asking again
    while replicas start adds nothing.
    """

    spec: QueueSpec

    def decide(self, fleet: Fleet) -> Decision:
        """Answer from this one fleet; nothing is remembered."""
        return Decision(pools={name: self._size(pool, fleet.at_s) for name, pool in fleet.pools.items()})

    def _size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        return max(self._asks(pool, at_s), key=lambda ask: ask.replicas)

    def _asks(self, pool: PoolFleet, at_s: float) -> Iterator[PoolDecision]:
        if pool.blind:
            yield hold(pool, "; ".join(pool.blind))
        yield self._for_work(pool)
        yield from self._for_drain(pool, at_s)
        yield from self._for_ttft(pool, at_s)

    def _for_work(self, pool: PoolFleet) -> PoolDecision:
        ongoing = pool.ongoing
        if ongoing and not pool.slots:
            wanted = max(1, pool.target)
            return PoolDecision(replicas=wanted, reason=f"work: {ongoing} ongoing, slots unknown until one is ready")
        share = self.spec.target_utilization
        wanted = math.ceil(ongoing / (pool.slots * share)) if ongoing else 0
        return PoolDecision(replicas=wanted, reason=f"work: {ongoing} ongoing, {pool.slots} slots x {share:g} each")

    def _for_drain(self, pool: PoolFleet, at_s: float) -> Iterator[PoolDecision]:
        if pool.demand is None or pool.demand.first_token_rate <= 0 or not self._settled(pool, at_s):
            return
        drain_s = pool.demand.held / pool.demand.first_token_rate
        if drain_s > self.spec.queue_drain:
            # Few first tokens may come because few are asked for, and a replica without a request drains nothing.
            most = min(pool.max_replicas, max(pool.ready, pool.ongoing))
            wanted = math.ceil(min(most, pool.ready * drain_s / self.spec.queue_drain))
            why = f"queue: {pool.demand.held} held need {drain_s:.1f}s > {self.spec.queue_drain:g}s, {pool.ready} ready"
            yield PoolDecision(replicas=wanted, reason=why)

    def _for_ttft(self, pool: PoolFleet, at_s: float) -> Iterator[PoolDecision]:
        target_s = pool.slo.ttft_p95_s
        p95_s = quantile(pool.ttft, 0.95)
        if target_s is None or p95_s is None or pool.ttft.total < self.spec.ttft_samples:
            return
        if p95_s > target_s and self._settled(pool, at_s):
            why = f"ttft: p95 {p95_s:.2f}s > {target_s:g}s, {pool.ready} ready"
            yield PoolDecision(replicas=pool.ready + 1, reason=why)
        if p95_s > self.spec.ttft_headroom * target_s:
            spare = f"ttft: p95 {p95_s:.2f}s > {self.spec.ttft_headroom:g} x {target_s:g}s, none to spare"
            yield PoolDecision(replicas=min(pool.ready, pool.target), reason=spare)

    def _settled(self, pool: PoolFleet, at_s: float) -> bool:
        """Tell whether the window's measurements are of the replicas that are ready now.

        Slow answers from before a replica joined would otherwise call for the next one, again and again.
        """
        joined = [replica.since_s for replica in pool.replicas if replica.stage == "ready"]
        return bool(joined) and max(joined) <= at_s - pool.ttft_window_s
