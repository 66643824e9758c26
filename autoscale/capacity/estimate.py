"""What one replica of a pool carries, as far as its steps so far tell: the fit, the mix and the knee together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from autoscale.capacity.knee import Binds, Knee, knee
from autoscale.capacity.learned import LearnedSteps
from autoscale.capacity.mix import LengthMix, RecentMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.capacity.work import features, work_of
from autoscale.fleet import PoolFleet, Slo
from deployments.totals import LengthTotals, gained

Source = Literal["profile", "fit", "none"]

# 10 % of a normal distribution lie above this many standard deviations.
_TENTH = 1.2816
# Standard deviations of what is not measured: a profile against another machine, and the knee of a perfect step model.
_PROFILE_OFF, _KNEE_OFF = 0.15, 0.06
_MOST_OFF = 0.4
# Figures that moved by less than this share do not make the knee be worked out again.
_SAME = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one replica carries within the pool's targets, in requests per second of the current mix.

    ``low_rps`` and ``high_rps`` bound ``rate_rps`` with 10 % chance of being wrong on each side. ``work_s`` is the
    seconds of steps per request, without the constant of every step; ``utilization`` is rate x work at the knee.
    ``source`` says what the step model is from. Rates are 0 while they are unknown: without steps and a profile
    (``none``), or before any request has finished (``mix`` is ``None``). ``drifted`` while steps take longer or shorter
    than they did, which widens the bounds.
    """

    rate_rps: float = 0.0
    low_rps: float = 0.0
    high_rps: float = 0.0
    work_s: float = 0.0
    utilization: float = 0.0
    binds: Binds = "work"
    step: StepModel | None = None
    mix: LengthMix | None = None
    source: Source = "none"
    drifted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What a capacity follows from; ``off`` is the standard deviation of step times as a share of them."""

    step: StepModel
    limits: EngineLimits
    mix: LengthMix
    slo: Slo
    replicas: int
    off: float

    def like(self, other: _Question) -> bool:
        """Say whether the answer to *other* still holds."""
        if (self.limits, self.slo, self.replicas) != (other.limits, other.slo, other.replicas):
            return False
        return all(math.isclose(a, b, rel_tol=_SAME) for a, b in zip(self._numbers(), other._numbers(), strict=True))

    def _numbers(self) -> tuple[float, ...]:
        work, mix = work_of(self.step, self.mix), self.mix
        spread = (1 + mix.prompt_cv, 1 + mix.output_cv, 1 + self.off, 1 + mix.cached_share)
        return self.step.base_s, work.prefill_s, work.sequence_s, work.held_tokens, mix.output_mean, *spread


class CapacityEstimator:
    """Learns from one pool's fleets, shown in the order of time; keeps totals per replica, and no clock.

    *quantile* is the share of requests that must be within every target at the capacity.
    """

    def __init__(self, *, quantile: float = 0.999) -> None:
        self._quantile = quantile
        self._learned: LearnedSteps | None = None
        self._mix, self._lengths = RecentMix(), LengthTotals()
        self._answers: dict[int, tuple[_Question, Capacity]] = {}

    def see(self, pool: PoolFleet) -> Capacity:
        """Add what the pool's replicas and gateways did since the last call, and return what one replica carries."""
        if self._learned is None:
            self._learned = LearnedSteps(_prior(pool))
        self._learned.see(pool.replicas)
        if pool.demand is not None:
            self._mix.add(gained(pool.demand.lengths, self._lengths))
            self._lengths = pool.demand.lengths
        return self.capacity(pool, replicas=max(1, pool.ready))

    def capacity(self, pool: PoolFleet, *, replicas: int = 1) -> Capacity:
        """Return what each of *replicas* carries by what was seen so far, without learning."""
        learned = self._learned or LearnedSteps(_prior(pool))
        step, mix = learned.step, self._mix.mix()
        source: Source = "fit" if learned.fit or learned.drifted else "profile" if step else "none"
        if step is None or mix is None:
            return Capacity(step=step, mix=mix, source=source, drifted=learned.drifted)
        question = _Question(
            step=step,
            limits=limits_of(pool),
            mix=mix,
            slo=pool.slo,
            replicas=_rounded(replicas),
            off=_off(learned, mix),
        )
        asked = self._answers.get(question.replicas)
        if asked is None or not question.like(asked[0]):
            asked = question, self._answer(question, asked[1] if asked else Capacity())
            self._answers[question.replicas] = asked
        return replace(asked[1], source=source, drifted=learned.drifted)

    def _answer(self, of: _Question, before: Capacity) -> Capacity:
        middle, factor = self._knee(of, 1.0, before.rate_rps or None), 1 + _TENTH * of.off
        near = middle.rate_rps or None
        return Capacity(
            rate_rps=middle.rate_rps,
            low_rps=self._knee(of, factor, before.low_rps or near).rate_rps,
            high_rps=self._knee(of, 1 / factor, before.high_rps or near).rate_rps,
            work_s=middle.work_s,
            utilization=middle.utilization,
            binds=middle.binds,
            step=of.step,
            mix=of.mix,
        )

    def _knee(self, of: _Question, slower: float, near_rps: float | None) -> Knee:
        step = of.step.slower(slower)
        return knee(step, of.limits, of.mix, of.slo, replicas=of.replicas, quantile=self._quantile, near_rps=near_rps)


def _prior(pool: PoolFleet) -> StepModel | None:
    return pool.profile.step if pool.profile is not None else None


def limits_of(pool: PoolFleet) -> EngineLimits:
    """Return the sizes that the engine told, else those of the profile."""
    told, known = pool.limits, pool.profile.limits if pool.profile else EngineLimits()
    return EngineLimits(
        slots=told.slots or pool.slots or known.slots,
        batched_tokens=told.batched_tokens or known.batched_tokens,
        kv_tokens=told.kv_tokens or known.kv_tokens,
        block_tokens=told.block_tokens,
    )


def _off(learned: LearnedSteps, mix: LengthMix) -> float:
    """Return the standard deviation of a request's time as a share of it: of the fit, of the lengths, of the model."""
    work = learned.fit.share_off(features(mix, running=8.0)) if learned.fit else _PROFILE_OFF
    lengths = max(0.3, mix.prompt_cv, mix.output_cv) / math.sqrt(max(1.0, mix.requests))
    return min(_MOST_OFF, math.sqrt(work**2 + lengths**2 + learned.share_off**2 + _KNEE_OFF**2))


def _rounded(replicas: int) -> int:
    """Round down to a number that is asked for again and again; what one carries hardly differs in between."""
    grid = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
    return next(size for size in reversed(grid) if size <= max(1, replicas))
