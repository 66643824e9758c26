"""What a cluster promises: goals that requests are held against, and thresholds that nobody should be over."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from deployments.quantities import Seconds, Share
from deployments.strict import Strict

DAY_S = 86_400.0
GoalName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]
# Pools with latency targets have a goal of their own, under this and their name.
POOL = "pool-"
MOST_GOALS = 64


class Goal(Strict):
    """One promise: a ``share`` of the requests that enter by ``entries``, all where none is named, are good.

    Good is an answer without an error of ours; with ``first_token`` or ``whole`` one that also had its first token, or
    was complete, within so many seconds. Requests that were wrong, and those whose client left in time, do not count.
    """

    share: Share
    first_token: Seconds | None = Field(default=None, gt=0)
    whole: Seconds | None = Field(default=None, gt=0)
    entries: tuple[Annotated[str, Field(min_length=1)], ...] = ()

    @model_validator(mode="after")
    def _one_promise(self) -> Self:
        if not 0.5 <= self.share <= 0.99999:  # noqa: PLR2004
            raise ValueError("share: is not between 50% and 99.999%: less is no promise, and more cannot be kept")
        if self.first_token is not None and self.whole is not None:
            raise ValueError("has both first_token and whole; make two goals of it")
        return self


class Thresholds(Strict):
    """When an alert goes off that no goal covers.

    A pool's queue grows with ``held`` requests or more a ready replica without a first token. A start is late after
    ``cold_start`` seconds, or after ``cold_start_factor`` times what it took before. A pool flaps that was to grow and
    to shrink ``flaps`` times each in half an hour. A KV cache is full with a share of ``kv_used`` in use. A request
    should not cost more than ``cost_per_request``, by currency, on average over an hour.
    """

    held: int = Field(default=10, ge=1, strict=True)
    cold_start: Seconds = Field(default=900.0, gt=0)
    cold_start_factor: float = Field(default=2.0, gt=1, le=100)
    flaps: int = Field(default=3, ge=1, strict=True)
    brown_out: Seconds = Field(default=300.0, ge=0)
    kv_used: Share = 0.95
    cost_per_request: dict[Currency, Annotated[float, Field(gt=0, le=1e9)]] = Field(default_factory=dict)


class ObjectivesSpec(Strict):
    """The goals by name and the ``window`` in seconds over which their budgets of errors last.

    ``runbooks`` is what the address of each alert's page begins with.
    """

    window: Seconds = Field(default=30 * DAY_S, ge=7 * DAY_S, le=90 * DAY_S)
    goals: dict[GoalName, Goal] = Field(
        default_factory=lambda: {"answered": Goal(share=0.995)}, max_length=MOST_GOALS, validate_default=True
    )
    thresholds: Thresholds = Thresholds()
    runbooks: str = Field(default="docs/runbooks", min_length=1, max_length=2000)

    @model_validator(mode="after")
    def _names_left_to_pools(self) -> Self:
        for name in self.goals:
            if name.startswith(POOL):
                raise ValueError(
                    f"goals.{name}: begins with {POOL!r}, as the goals of pools do; call it something else"
                )
        return self
