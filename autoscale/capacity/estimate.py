"""What one replica of a pool carries, as far as its steps so far tell: the fit, the mix and the knee together."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from autoscale.capacity.basis import LEAST_SPREAD, Basis, limits_of
from autoscale.capacity.knee import Binds, Knee
from autoscale.capacity.knee_source import KneeQuestion, KneeSource, analytic
from autoscale.capacity.learned import LearnedSteps
from autoscale.capacity.miss_curve import MissCurve
from autoscale.capacity.mix import LengthMix, RecentMix
from autoscale.capacity.step_model import StepModel
from autoscale.capacity.work import features
from autoscale.fleet import PoolFleet
from deployments.totals import LengthTotals, gained

Source = Literal["profile", "fit", "none"]

# 10 % of a normal distribution lie above this many standard deviations.
_TENTH = 1.2816
# Standard deviations of what is not measured: a profile against another machine, and a fit on other traffic.
_PROFILE_OFF, _FIT_OFF = 0.15, 0.02
_MOST_OFF = 0.4
# How much slower steps may be is rounded up to one of these, so that the same questions are asked again.
_SLOWER = (1.06, 1.12, 1.2, 1.4, 1.6)
# Knees are asked for at these numbers of replicas; in between they follow the logarithm of the number.
_SIZES = (1, 2, 4, 8, 16, 32, 64)
_LOWEST = 0.3
# Finished requests are added to the mix once they are so many of a hundred of it; it would hardly differ before.
_NEW_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one replica carries within the pool's targets, in requests per second of the current mix.

    ``low_rps`` and ``high_rps`` bound ``rate_rps`` with 10 % chance of being wrong on each side. ``work_s`` is the
    seconds of steps per request, without the constant of every step; ``utilization`` is rate x work at the knee.
    ``source`` says what the step model is from. Rates are 0 while they are unknown: without steps and a profile
    (``none``), or before any request has finished (``mix`` is ``None``). ``drifted`` while steps take longer or shorter
    than they did, which widens the bounds. ``curve`` says which share misses at other rates, None while unknown, beside
    the ``hopeless`` ones that an idle engine makes late as well; ``off`` is the standard deviation of the logarithm of
    its rates. A ``provisional`` capacity may soon be another.
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
    curve: MissCurve | None = None
    off: float = 0.0
    hopeless: float = 0.0
    provisional: bool = False


class CapacityEstimator:
    """Learns from one pool's fleets, shown in the order of time; keeps totals per replica, and no clock.

    *quantile* is the share of requests that must be within every target at the capacity; *knees* says what the pool
    carries by steps and lengths.
    """

    def __init__(self, *, quantile: float = 0.999, knees: KneeSource = analytic) -> None:
        self._quantile, self._knees = quantile, knees
        self._learned: LearnedSteps | None = None
        self._mix, self._lengths = RecentMix(), LengthTotals()
        self._basis: Basis | None = None
        self._asked: Basis | None = None
        self._seen: tuple[object, ...] = ()
        self._answers: dict[int, Capacity] = {}
        self._slowed: dict[float, tuple[Knee, Knee]] = {}
        self.renewed = 0

    def ask_of(self, knees: KneeSource) -> None:
        """Have knees from another source from now on; what the one before has answered is forgotten."""
        if knees is not self._knees:
            self._knees, self._asked, self._basis, self._answers, self._slowed = knees, None, None, {}, {}

    def see(self, pool: PoolFleet, *, renew: bool = True) -> Capacity:
        """Add what the pool's replicas and gateways did since the last call, and return what one replica carries.

        New knees may take a while. They are not asked for without *renew*, if there are others to go by; ``renewed``
        counts how often they were.
        """
        learned = self._learned = self._learned or LearnedSteps(_prior(pool))
        learned.see(pool.replicas)
        if pool.demand is not None:
            self._count(pool.demand.lengths)
        self._settle(learned, pool, renew=renew)
        return self.capacity(pool, replicas=max(1, pool.ready))

    def capacity(self, pool: PoolFleet, *, replicas: int = 1) -> Capacity:
        """Return what each of *replicas* carries by what was seen so far, without learning."""
        learned = self._learned = self._learned or LearnedSteps(_prior(pool))
        basis = self._basis or self._settle(learned, pool, renew=True)
        if basis is None:
            return Capacity(step=learned.step, mix=self._mix.mix(), source=_source(learned), drifted=learned.drifted)
        found, source = self._answers.get(replicas), _source(learned)
        if found is None or found.provisional:
            found = self._answers[replicas] = self._answer(basis, replicas)
        if (found.source, found.drifted) != (source, learned.drifted):
            found = self._answers[replicas] = replace(found, source=source, drifted=learned.drifted)
        return found

    def _count(self, lengths: LengthTotals) -> None:
        """Add the requests that have finished, once they are enough to matter."""
        new = lengths.requests - self._lengths.requests
        if new < 0 or new >= max(1.0, _NEW_SHARE * self._mix.requests):
            self._mix.add(gained(lengths, self._lengths))
            self._lengths = lengths

    def _settle(self, learned: LearnedSteps, pool: PoolFleet, *, renew: bool) -> Basis | None:
        """Keep what answers are based on as long as nothing has moved by much, so that they do not rattle."""
        step, mix = learned.step, self._mix.mix()
        if step is None or mix is None:
            self._basis = None
            return None
        seen = (step, mix, learned.fit, round(learned.share_off, 2), limits_of(pool), pool.slo, renew)
        if self._basis is not None and seen == self._seen:
            return self._basis
        self._seen = seen
        now = Basis(step=step, limits=limits_of(pool), mix=mix, slo=pool.slo, off=_off(learned, mix))
        if self._asked is None or (renew and not now.like(self._asked)):
            self._asked, self._basis, self._answers, self._slowed = now, now, {}, {}
            self.renewed += 1
        elif self._basis is None or not now.like(self._basis):
            self._basis, self._answers = now, {}
        return self._basis

    def _answer(self, basis: Basis, replicas: int) -> Capacity:
        middle = self._between(basis, replicas)
        (low_share, guessed), size = self._slow(basis, middle, below(replicas)), middle.rate_rps
        return Capacity(
            rate_rps=size,
            low_rps=size * low_share,
            high_rps=size / low_share,
            work_s=middle.work_s,
            utilization=middle.utilization,
            binds=middle.binds,
            step=basis.step,
            mix=basis.mix,
            curve=middle.curve,
            off=-math.log(low_share) / _TENTH,
            hopeless=middle.hopeless,
            provisional=middle.provisional or guessed,
        )

    def _between(self, basis: Basis, replicas: int) -> Knee:
        """Return the knee at a number of replicas, by those at the sizes below and above it."""
        fewer = below(replicas)
        low = self._knee(basis, fewer)
        above = next((size for size in _SIZES if size >= replicas), fewer)
        if above == fewer or low.rate_rps <= 0 or low.curve is None:
            return low
        high = self._knee(basis, above)
        if high.rate_rps <= 0 or high.curve is None:
            return low
        part = math.log(replicas / fewer) / math.log(above / fewer)
        rate_rps = low.rate_rps ** (1 - part) * high.rate_rps**part
        curve = low.curve.between(high.curve, part)
        return replace(
            low,
            rate_rps=rate_rps,
            utilization=rate_rps * low.work_s,
            curve=curve,
            provisional=low.provisional or high.provisional,
        )

    def _slow(self, basis: Basis, middle: Knee, size: int) -> tuple[float, bool]:
        """Return the part of the rate that is left if steps are as slow as they may be, and if that is provisional.

        It is about the same at every size of the pool.
        """
        if middle.rate_rps <= 0:
            return 1.0, False
        factor = 1 + _TENTH * basis.off
        slower = next((one for one in _SLOWER if one >= factor), _SLOWER[-1])
        if slower not in self._slowed or any(one.provisional for one in self._slowed[slower]):
            self._slowed[slower] = self._ask(size, 1.0), self._ask(size, slower)
        known, slow = self._slowed[slower]
        share = min(1.0, max(_LOWEST, slow.rate_rps / known.rate_rps)) if known.rate_rps > 0 else 1.0
        return float(share ** (math.log(factor) / math.log(slower))), known.provisional or slow.provisional

    def _knee(self, basis: Basis, replicas: int) -> Knee:
        """Return the knee that was asked for, by as much higher or lower as requests are shorter or longer now."""
        asked, known = self._asked or basis, self._ask(replicas, 1.0)
        if asked is basis or known.rate_rps <= 0:
            return known
        known = known.scaled(asked.request_s / basis.request_s)
        return replace(known, work_s=basis.work_s, utilization=known.rate_rps * basis.work_s)

    def _ask(self, replicas: int, slower: float) -> Knee:
        asked = self._asked
        assert asked is not None  # noqa: S101 - there is no basis without one
        return self._knees(
            KneeQuestion(
                step=asked.step.slower(slower),
                limits=asked.limits,
                mix=asked.mix,
                slo=asked.slo,
                replicas=replicas,
                quantile=self._quantile,
            )
        )


def _source(learned: LearnedSteps) -> Source:
    return "fit" if learned.fit or learned.drifted else "profile" if learned.step else "none"


def _prior(pool: PoolFleet) -> StepModel | None:
    return pool.profile.step if pool.profile is not None else None


def _off(learned: LearnedSteps, mix: LengthMix) -> float:
    """Return the standard deviation of a request's time as a share of it: of the fit, of the lengths, of the model."""
    work = learned.fit.share_off(features(mix, running=8.0)) if learned.fit else _PROFILE_OFF
    lengths = max(LEAST_SPREAD, mix.prompt_cv, mix.output_cv) / math.sqrt(max(1.0, mix.requests))
    return min(_MOST_OFF, math.sqrt(work**2 + lengths**2 + learned.share_off**2 + _FIT_OFF**2))


def source_for(pool: PoolFleet, knees: KneeSource) -> KneeSource:
    """Return where the knees that size *pool* come from: simulations cost CPU time, and would change nothing here."""
    return analytic if pool.fixed else knees


def below(replicas: int) -> int:
    """Return the largest number of replicas, of those that knees are asked for at, up to *replicas*."""
    return next(size for size in reversed(_SIZES) if size <= max(1, replicas))
