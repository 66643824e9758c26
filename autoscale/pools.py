"""What the control loop must know about a pool before any signal arrives."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autoscale.capacity.profile import EngineLimits, EngineProfile
from autoscale.hardware import Hardware
from deployments.scheduling.targets import Late


class PoolSettings(BaseModel):
    """One pool as configured; ``application`` and ``deployment`` are its names in Serve.

    ``initial_replicas`` is what Serve starts with; ``slots`` are the sequences that one replica runs at once, 0 when
    only the engine can tell. Latency targets are in seconds, ``None`` when the pool promises nothing. ``hardware`` is
    what one replica takes; ``limits`` are the engine's sizes where the configuration sets them, ``profile`` is what was
    measured of it before. ``priority`` and ``stand_ins`` are those of ``PoolFleet``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    application: str = Field(min_length=1)
    deployment: str = Field(min_length=1)
    min_replicas: int = Field(ge=0)
    max_replicas: int = Field(ge=1)
    initial_replicas: int = Field(default=0, ge=0)
    slots: int = Field(default=0, ge=0)
    ttft_p95_s: float | None = Field(default=None, gt=0)
    tpot_p95_s: float | None = Field(default=None, gt=0)
    late: Late = "behind"
    hardware: Hardware = Hardware()
    limits: EngineLimits = EngineLimits()
    profile: EngineProfile | None = None
    priority: int = 0
    stand_ins: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.max_replicas < self.min_replicas:
            raise ValueError(f"max_replicas {self.max_replicas} is less than min_replicas {self.min_replicas}")
        return self
