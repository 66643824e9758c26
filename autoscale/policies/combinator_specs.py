"""The combinators as a configuration writes them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from autoscale.policies.combinators import Bounds, HoldDown, HoldUp, StepLimit
from autoscale.policies.cost_ceiling import CostCeiling
from autoscale.policies.grammar import AnyPolicy
from autoscale.policies.kind import Build, PolicySpec
from autoscale.policies.maximum import Maximum
from autoscale.policy import Policy
from deployments.quantities import Seconds
from deployments.strict import not_empty


class MaxSpec(PolicySpec):
    """``max: [a, b]``: the most that any of several policies asks for."""

    kind = "max"
    whole = True

    max: Annotated[tuple[AnyPolicy, ...], AfterValidator(not_empty)]

    @property
    def steady(self) -> bool:
        """The most of policies that damp themselves is damped."""
        return all(one.steady for one in self.max)

    def build(self, within: Build) -> Policy:
        """Build each."""
        return Maximum(tuple(one.build(within) for one in self.max))


class HoldDownSpec(PolicySpec):
    """Scale down only to the highest number of the last ``window``."""

    kind = "hold-down"

    window: Seconds = Field(default=60.0, gt=0)
    of: AnyPolicy

    @property
    def steady(self) -> bool:
        """Say yes: holding is what it is for."""
        return True

    def build(self, within: Build) -> Policy:
        """Build it around its policy."""
        return HoldDown(self.of.build(within), self.window)


class HoldUpSpec(PolicySpec):
    """Scale up only to the lowest number of the last ``window``."""

    kind = "hold-up"

    window: Seconds = Field(default=30.0, gt=0)
    of: AnyPolicy

    @property
    def steady(self) -> bool:
        """Ask the policy inside, which decides on the way down."""
        return self.of.steady

    def build(self, within: Build) -> Policy:
        """Build it around its policy."""
        return HoldUp(self.of.build(within), self.window)


class StepLimitSpec(PolicySpec):
    """Add at most ``up`` replicas in one decision, remove at most ``down``."""

    kind = "step-limit"

    up: int = Field(default=4, ge=1)
    down: int = Field(default=1, ge=1)
    of: AnyPolicy

    @property
    def steady(self) -> bool:
        """Ask the policy inside: short steps are steps all the same."""
        return self.of.steady

    def build(self, within: Build) -> Policy:
        """Build it around its policy."""
        return StepLimit(self.of.build(within), up=self.up, down=self.down)


class BoundsSpec(PolicySpec):
    """Ask for at least ``min`` and at most ``max`` replicas, inside what the pool itself allows."""

    kind = "bounds"

    min: int = Field(default=0, ge=0)
    max: int | None = Field(default=None, ge=1)
    of: AnyPolicy

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max {self.max} is less than min {self.min}; raise max or lower min")
        return self

    @property
    def steady(self) -> bool:
        """Ask the policy inside."""
        return self.of.steady

    def build(self, within: Build) -> Policy:
        """Build it around its policy."""
        return Bounds(self.of.build(within), self.min, self.max)


class CostCeilingSpec(PolicySpec):
    """Spend at most ``per_hour``, in the currency of the replicas' cost per hour, on all pools that it sizes."""

    kind = "cost-ceiling"

    per_hour: float = Field(gt=0)
    of: AnyPolicy

    @property
    def steady(self) -> bool:
        """Ask the policy inside."""
        return self.of.steady

    def build(self, within: Build) -> Policy:
        """Build it around its policy."""
        return CostCeiling(self.of.build(within), self.per_hour)
