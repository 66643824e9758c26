"""The options of the forecast policy."""

from __future__ import annotations

from pydantic import Field

from autoscale.policies.kind import Build, PolicySpec
from autoscale.policy import Policy
from deployments.quantities import Share


class ForecastSpec(PolicySpec):
    """``quantile`` is the share of the time for which demand a start from now should stay below what is sized for."""

    kind = "forecast"

    quantile: Share = Field(default=0.95, ge=0.5, le=0.999, validate_default=True)

    def build(self, within: Build) -> Policy:
        """Build it; only a process that sizes pools needs what it is made of."""
        from autoscale.policies.forecast.policy import ForecastPolicy  # noqa: PLC0415

        return ForecastPolicy(self.quantile, within.knees)
