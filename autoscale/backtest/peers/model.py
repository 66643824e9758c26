"""Step times as peers know them: from a profile made before, or none."""

from __future__ import annotations

from collections.abc import Callable

from autoscale.capacity.step_model import StepModel
from autoscale.fleet import PoolFleet

ModelOf = Callable[[PoolFleet], StepModel | None]


def profiled(pool: PoolFleet) -> StepModel | None:
    """Return the step times of the pool's profile."""
    return pool.profile.step if pool.profile else None


PROFILED: ModelOf = profiled
