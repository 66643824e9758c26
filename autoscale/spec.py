"""What a configuration may say about autoscaling, with every default."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from deployments.quantities import Seconds


class Strict(BaseModel):
    """A section that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class QueueSpec(Strict):
    """The queue policy: as many replicas as the work in the pool and its time to first token ask for.

    ``target_utilization`` is the share of a replica's slots that ongoing requests should fill. ``queue_drain`` is how
    soon the requests that wait for a first token should all have one. ``ttft_headroom`` is the share of the TTFT
    target under which one replica fewer is allowed. ``ttft_window`` is the time over which TTFT is measured;
    fewer than ``ttft_samples`` answers in it say nothing.
    """

    target_utilization: float = Field(default=0.7, gt=0, le=1)
    queue_drain: Seconds = Field(default=5.0, gt=0)
    ttft_headroom: float = Field(default=0.8, gt=0, le=1)
    ttft_window: Seconds = Field(default=30.0, gt=0)
    ttft_samples: int = Field(default=5, ge=1)


class HoldSpec(Strict):
    """How long a recommendation must have stood before the pool follows it."""

    up: Seconds = 0.0
    down: Seconds = 60.0


class StepSpec(Strict):
    """How many replicas one decision may add or remove."""

    up: int = Field(default=4, ge=1)
    down: int = Field(default=1, ge=1)


class AutoscaleSpec(Strict):
    """The control loop: ``advise`` decides and logs, ``active`` also acts."""

    mode: Literal["active", "advise"] = "active"
    interval: Seconds = Field(default=1.0, gt=0)
    stale_after: Seconds = Field(default=5.0, validate_default=True)
    policy: Literal["queue"] = "queue"
    queue: QueueSpec = QueueSpec()
    hold: HoldSpec = HoldSpec()
    step: StepSpec = StepSpec()

    @field_validator("stale_after")
    @classmethod
    def _outlasts_some_intervals(cls, value: float, info: ValidationInfo) -> float:
        interval = info.data.get("interval", 0.0)
        if value < 2 * interval:
            raise ValueError(f"{value:g} s is less than two intervals ({2 * interval:g} s)")
        return value
