"""The options of the SLA policy."""

from __future__ import annotations

from pydantic import Field

from autoscale.policies.kind import Build, PolicySpec
from autoscale.policy import Policy
from deployments.quantities import Seconds, Share


class SlaSpec(PolicySpec):
    """As few replicas as keep ``slo_target`` of requests within every latency target of the pool.

    ``cost_weight`` says how much a missed request weighs against a replica's time, 1 being what the target itself says:
    with 2 half as many are risked. ``cold_penalty`` is what one request that waits for a pool's first replica costs, as
    the time of one idle replica; it decides when a pool that may be empty becomes so. A replica goes when it has not
    been needed for ``release_after`` at least, for a start where that takes longer; for six times as long after growth
    all but what is plainly too much stays.
    """

    kind = "sla"

    slo_target: Share = Field(default=0.999, ge=0.5, lt=1, validate_default=True)
    cost_weight: float = Field(default=1.0, gt=0, le=100)
    cold_penalty: Seconds = 300.0
    release_after: Seconds = Field(default=900.0, le=86_400, validate_default=True)

    @property
    def steady(self) -> bool:
        """Say yes: what it releases stays released for longer than a start takes, as far as it can tell."""
        return True

    def build(self, within: Build) -> Policy:
        """Build it, with the queue policy for pools whose capacity nobody knows yet."""
        from autoscale.policies.sla.policy import Sla  # noqa: PLC0415

        return Sla(self, within.queue, within.knees)
