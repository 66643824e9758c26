"""What a pool's capacity follows from, and whether that has moved by enough to make a difference."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.capacity.work import request_s, work_of
from autoscale.fleet import PoolFleet, Slo

# Figures that moved by less than these shares beyond what chance explains make no difference, unless so many times as
# many requests stand behind them: what a step and a prompt cost, and all else.
_SAME_COST, _SAME, _MORE = 0.04, 0.1, 3.0
_ALIKE = (_SAME_COST, _SAME_COST, *(_SAME,) * 7)
LEAST_SPREAD = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What capacities follow from; ``off`` is the standard deviation of step times as a share of them.

    ``numbers`` are the figures that make a difference; ``request_s`` is how long a request takes.
    """

    step: StepModel
    limits: EngineLimits
    mix: LengthMix
    slo: Slo
    off: float
    numbers: tuple[float, ...] = field(init=False)
    request_s: float = field(init=False)
    work_s: float = field(init=False)

    def __post_init__(self) -> None:
        work, mix = work_of(self.step, self.mix), self.mix
        spread = (1 + mix.prompt_cv, 1 + mix.output_cv, 1 + self.off, 1 + mix.cached_share)
        numbers = (self.step.base_s, work.prefill_s, work.sequence_s, work.held_tokens, mix.output_mean, *spread)
        object.__setattr__(self, "numbers", numbers)
        object.__setattr__(self, "request_s", request_s(self.step, mix))
        object.__setattr__(self, "work_s", work.total_s)

    def like(self, other: Basis) -> bool:
        """Say whether what followed from *other* still holds."""
        if (self.limits, self.slo) != (other.limits, other.slo) or self.mix.requests > _MORE * other.mix.requests:
            return False
        chance = max(LEAST_SPREAD, other.mix.prompt_cv, other.mix.output_cv) / math.sqrt(max(1.0, other.mix.requests))
        numbers = zip(self.numbers, other.numbers, _ALIKE, strict=True)
        return all(abs(a - b) <= (share + chance) * b for a, b, share in numbers)


def limits_of(pool: PoolFleet) -> EngineLimits:
    """Return the sizes that the engine told, else those of the profile."""
    told, known = pool.limits, pool.profile.limits if pool.profile else EngineLimits()
    return EngineLimits(
        slots=told.slots or pool.slots or known.slots,
        batched_tokens=told.batched_tokens or known.batched_tokens,
        kv_tokens=told.kv_tokens or known.kv_tokens,
        block_tokens=told.block_tokens,
    )
