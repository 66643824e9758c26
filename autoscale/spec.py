"""What a configuration may say about autoscaling, with every default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from autoscale.arbiter.spec import SharedSpec
from autoscale.policies.queue import QueueSpec
from autoscale.policies.registry import AnyPolicy
from autoscale.policies.sla.spec import SlaSpec
from deployments.quantities import Seconds
from deployments.strict import Strict

__all__ = ["AutoscaleSpec", "HoldSpec", "PoolSpec", "QueueSpec", "StepSpec", "Strict"]


class HoldSpec(Strict):
    """How long a number must have stood before the pool follows it.

    What is not written is up to the policy: one that damps itself is followed at once, any other is followed up at
    once and down after a minute.
    """

    up: Seconds | None = None
    down: Seconds | None = None

    def filled(self) -> HoldSpec:
        """Return the holds of a policy that does not damp itself."""
        return HoldSpec(up=0.0 if self.up is None else self.up, down=60.0 if self.down is None else self.down)


class StepSpec(Strict):
    """How many replicas one decision may add or remove.

    What is not written is up to the policy: one that damps itself moves freely, any other by 4 up and 1 down.
    """

    up: int | None = Field(default=None, ge=1)
    down: int | None = Field(default=None, ge=1)

    def filled(self) -> StepSpec:
        """Return the steps of a policy that does not damp itself."""
        return StepSpec(up=self.up or 4, down=self.down or 1)


class PoolSpec(Strict):
    """What is different for one pool."""

    policy: AnyPolicy | None = None


class ApprovalSpec(Strict):
    """What waits for an operator when changes need approval: a proposal is good for ``expires``.

    ``up`` says whether more replicas wait as well, ``wait``, or come at once, ``auto``.
    """

    expires: Seconds = Field(default=600.0, gt=0)
    up: Literal["wait", "auto"] = "wait"


class AutoscaleSpec(SharedSpec):
    """The control loop: ``advise`` decides and logs, ``active`` also acts, ``approve`` acts on what was approved.

    ``policy`` is a kind by its name, or a mapping from its name to its options; ``pools`` says what is different for
    some. ``queue`` are the options of the queue policy wherever it is used without its own.
    """

    mode: Literal["active", "advise", "approve"] = "active"
    interval: Seconds = Field(default=1.0, ge=0.1, le=60)
    stale_after: Seconds = Field(default=5.0, le=300, validate_default=True)
    policy: AnyPolicy = SlaSpec()
    pools: Mapping[str, PoolSpec] = Field(default_factory=dict)
    queue: QueueSpec = QueueSpec()
    hold: HoldSpec = HoldSpec()
    step: StepSpec = StepSpec()
    approval: ApprovalSpec = ApprovalSpec()

    @field_validator("stale_after")
    @classmethod
    def _outlasts_some_intervals(cls, value: float, info: ValidationInfo) -> float:
        interval = info.data.get("interval", 0.0)
        if value < 2 * interval:
            raise ValueError(f"{value:g} s is less than two intervals ({2 * interval:g} s)")
        return value
