"""Chiron's interactive instances (arXiv 2501.08090; 0.6 is from SageServe's copy of it)."""

from __future__ import annotations

from dataclasses import dataclass

from autoscale.backtest.peers.readings import loads
from autoscale.backtest.rule import Sampleless
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision


@dataclass(slots=True, kw_only=True)
class Chiron(Sampleless):
    """One more while more than 60 % of the instances are busy, else one less.

    An instance is busy from *busy_share* of its slots on; any request at all makes it busy by default. Its pace is not
    published; 10 s is chosen here.
    """

    threshold: float = 0.6
    busy_share: float = 0.0
    interval_s: float = 10.0

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:  # noqa: ARG002  # a rule is told the time
        """Answer from the share of busy instances."""
        known = [load for _, load in loads(pool)]
        if not known:
            return PoolDecision(replicas=pool.target, reason="no instance heard")
        busy = sum(load.running > self.busy_share * pool.slots for load in known)
        pressure = busy / len(known)
        step = 1 if pressure > self.threshold else -1
        return PoolDecision(replicas=max(1, pool.target + step), reason=f"{busy} of {len(known)} instances busy")
