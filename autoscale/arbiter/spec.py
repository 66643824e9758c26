"""What a configuration may say about hardware that pools share, and about stand-ins while it is late."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from deployments.quantities import Seconds, Share
from deployments.strict import Strict


class GpusSpec(Strict):
    """How many GPUs all pools together may take."""

    max: float | None = Field(default=None, gt=0, le=1e6)


class MachinesSpec(Strict):
    """Some machines of one shape: ``count`` that are there, and up to ``most`` with those that Ray may add."""

    kind: str = Field(default="", max_length=100)
    gpus: float = Field(default=0.0, ge=0, le=1e3)
    cpus: float = Field(default=0.0, ge=0, le=1e5)
    count: int = Field(default=0, ge=0, le=10_000, strict=True)
    most: int | None = Field(default=None, ge=1, le=10_000, strict=True)

    @model_validator(mode="after")
    def _machines(self) -> MachinesSpec:
        if not self.gpus and not self.cpus:
            raise ValueError("has neither gpus nor cpus; write what one machine has")
        if max(self.count, self.most or 0) == 0:
            raise ValueError("is of no machine; write count, or most where Ray adds them")
        if self.most is not None and self.most < self.count:
            raise ValueError(f"most ({self.most}) is less than count ({self.count})")
        return self


class ArbiterSpec(Strict):
    """How scarce hardware is dealt.

    ``switching`` is what taking a running replica from a pool costs, in replicas missed by a pool of the same
    priority; none is taken before somebody has been short for ``patience``. ``solver`` bounds the exact allocation in
    time; what takes longer is dealt one replica after the other.
    """

    switching: float = Field(default=0.5, ge=0, le=1e3)
    patience: Seconds = 30.0
    solver: Seconds = Field(default=0.05, ge=0, le=1.0)


class BrownOutSpec(Strict):
    """How much of a pool's traffic its stand-ins may take while its own capacity is late.

    At most ``max_share`` of it at a time, and ``daily_share`` over 24 hours. ``price`` is what a request that is moved
    costs, in requests that miss their target: 0 moves whatever helps, 1 nothing. ``fill`` is the share of the pool's
    own capacity that stays in use and ``spare`` the share of a stand-in's that it may be filled to. Backlog is to be
    gone within ``recover``.
    """

    enabled: bool = Field(default=True, strict=True)
    max_share: Share = 0.9
    daily_share: Share = 0.02
    price: Share = 0.2
    fill: Share = 0.95
    spare: Share = 0.9
    recover: Seconds = Field(default=10.0, gt=0)


class SharedSpec(Strict):
    """What all pools share: ``autoscale`` has these keys beside those of its policy.

    In an ``elastic`` inventory Ray's autoscaler finds machines, so that none that is missing binds; in an ``observed``
    one there are those that Ray has now. With ``machines`` there are those, however many Ray has at the moment.
    """

    gpus: GpusSpec = GpusSpec()
    cost_ceiling_per_hour: float | None = Field(default=None, gt=0)
    inventory: Literal["elastic", "observed"] = "elastic"
    machines: tuple[MachinesSpec, ...] = Field(default=(), max_length=100)
    arbiter: ArbiterSpec = ArbiterSpec()
    brown_out: BrownOutSpec = BrownOutSpec()
