"""What one replica carries, of its own requests and of those of a pool that it stands in for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autoscale.capacity.estimate import Capacity, CapacityEstimator, below
from autoscale.capacity.knee import Knee
from autoscale.capacity.knee_source import KneeQuestion, KneeSource, analytic
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import PoolFleet, Slo

# A brown-out begins where one request in a hundred would miss its target, not where one in a thousand would.
QUANTILE = 0.99
# Figures that moved by less than this share do not make the capacity be worked out again.
_SAME = 0.05


@dataclass(slots=True)
class Carries:
    """One pool's capacity as it is learned from one fleet after the other."""

    knees: KneeSource = analytic
    _estimator: CapacityEstimator = field(init=False)
    _now: Capacity = field(default_factory=Capacity)
    _others: tuple[_Asked, Knee | None] | None = None

    def __post_init__(self) -> None:
        self._estimator = CapacityEstimator(quantile=QUANTILE, knees=self.knees)

    def see(self, pool: PoolFleet) -> None:
        """Learn from one more fleet."""
        self._now = self._estimator.see(pool)

    @property
    def mix(self) -> LengthMix | None:
        """Return how long the pool's requests are, None before any has finished."""
        return self._now.mix

    def rps(self, pool: PoolFleet) -> float | None:
        """Return the requests per second that one of its ready replicas carries; None while nobody knows."""
        rate_rps = self._estimator.capacity(pool, replicas=max(1, pool.ready)).rate_rps
        return rate_rps or None

    def others_rps(self, pool: PoolFleet, mix: LengthMix | None, slo: Slo) -> float:
        """Return the requests of another pool per second that one replica carries, by their *mix* and targets."""
        if self._now.step is None or mix is None:
            return self.rps(pool) or 0.0
        asked = _Asked(self._now.step, mix, slo, below(max(1, pool.ready)))
        if self._others is None or not self._others[0].like(asked):
            self._others = asked, None
        before, found = self._others
        if found is None or found.provisional:
            found = self.knees(before.question(_limits(pool)))
            self._others = before, found
        return found.rate_rps


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a stand-in's capacity follows from."""

    step: StepModel
    mix: LengthMix
    slo: Slo
    replicas: int

    def like(self, other: _Asked) -> bool:
        """Say whether the answer to *other* is about the same."""
        same = (self.slo, self.replicas) == (other.slo, other.replicas)
        return same and all(
            math.isclose(a, b, rel_tol=_SAME) for a, b in zip(self._sizes(), other._sizes(), strict=True)
        )

    def _sizes(self) -> tuple[float, ...]:
        step, mix = self.step, self.mix
        return step.base_s, step.prefill_token_s, step.sequence_s, step.kv_token_s, mix.prompt_mean, mix.output_mean

    def question(self, limits: EngineLimits) -> KneeQuestion:
        """Return what to ask."""
        return KneeQuestion(
            step=self.step, limits=limits, mix=self.mix, slo=self.slo, replicas=self.replicas, quantile=QUANTILE
        )


def _limits(pool: PoolFleet) -> EngineLimits:
    """Return the sizes that the engines told, else those of the profile."""
    told, known = pool.limits, pool.profile.limits if pool.profile is not None else EngineLimits()
    return EngineLimits(
        slots=told.slots or pool.slots or known.slots,
        batched_tokens=told.batched_tokens or known.batched_tokens,
        kv_tokens=told.kv_tokens or known.kv_tokens,
        block_tokens=told.block_tokens,
    )
