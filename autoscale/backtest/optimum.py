"""The cheapest schedules in hindsight that reach an SLO when the simulator replays them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autoscale.backtest.bounds import family, opt100
from autoscale.backtest.demand import smoothed
from autoscale.backtest.levels import Counts, Work, cost_s, missed_s
from autoscale.backtest.replay import Replay, Replayed

# Over how long demand is evened out before it is planned for: queues and batches do some of that.
_EVENED_S = (0.0, 120.0, 600.0)
# How much more or less than measured a replica may carry under such a plan, tried as long as that helps.
_MORE, _LESS = (1.08, 1.16, 1.25), (0.93, 0.86, 0.79, 0.72, 0.65)
_MARGINS = tuple(np.linspace(-0.2, 0.8, 41).tolist())
# What a rate is averaged over: the noise within is not foreseen.
_MEAN_OVER_S = 600.0
# After so many replays of one family that were expected to be the last but one, its rest is halved.
_GUESSES = 4
_LEAST = 1e-9


def optimum(work: Work, replay: Replay, share: float, shape: tuple[float, float] | None = None) -> Replayed | None:
    """Return the cheapest replayed schedule with at least *share* of requests within every target.

    Searched are the schedules that are cheapest at some price of missed work, for demand that is more or less evened
    out and replicas that carry more or less than measured: those of one *shape*, such as was best on a similar trace,
    or else of all. None where none of them reaches *share*.
    """
    if shape is not None and (alike := _cheaper(work, *shape, replay, share, None)) is not None:
        return alike
    best, evened = None, 0.0
    for over_s in _EVENED_S:
        found = _cheaper(work, over_s, 1.0, replay, share, best)
        best, evened = (found, over_s) if found is not None else (best, evened)
    for scales in (_MORE, _LESS):
        for scale in scales:
            found = _cheaper(work, evened, scale, replay, share, best)
            if found is None and best is not None:
                break
            best = found if found is not None else best
    # Of a few replicas each is so large a step that a plan by the mean and a margin may come out cheaper.
    return _informed(work, replay, share, best) or best


def _cheaper(
    work: Work, over_s: float, scale: float, replay: Replay, share: float, best: Replayed | None
) -> Replayed | None:
    """Return the first schedule of a family that reaches *share*, where it is cheaper than *best*."""
    evened = smoothed(work.replicas, round(over_s / work.step_s))
    priced = family(replace(work, replicas=evened / scale))
    cheaper = [one for one in priced if best is None or one.cost_s < best.paid_s]
    told = [f"price {one.price:.3g}, evened over {over_s:g} s, {scale:g} of the measured each" for one in cheaper]
    found = first(work, [one.counts for one in cheaper], told, replay, share)
    if found is None or (best is not None and found.paid_s >= best.paid_s):
        return None
    return replace(found, shape=(over_s, scale))


def oracle(work: Work, replay: Replay, share: float) -> Replayed | None:
    """Return the replay of the schedule that knows the mean rate but not the noise, with the smallest margin.

    Gaps shorter than a start are bridged. None where no margin up to 80 % reaches *share*.
    """
    return _informed(work, replay, share, None)


def _informed(work: Work, replay: Replay, share: float, best: Replayed | None) -> Replayed | None:
    mean = smoothed(work.replicas, round(_MEAN_OVER_S / work.step_s))
    plans, told = [], []
    for margin in _MARGINS:
        planned = replace(work, replicas=mean * (1 + margin))
        counts = opt100(planned)
        if best is None or cost_s(work, counts) < best.paid_s:
            plans.append(counts)
            told.append(f"margin {margin:+.1%}")
    found = first(work, plans, told, replay, share)
    return found if found is not None and (best is None or found.paid_s < best.paid_s) else None


def first(work: Work, plans: Sequence[Counts], told: Sequence[str], replay: Replay, share: float) -> Replayed | None:
    """Find the first of ever more careful plans that reaches *share*; None where the last does not.

    Where to look is guessed: replays miss about as many times the work that exceeds a plan as the last one did.
    """
    excess = [max(_LEAST, missed_s(work, counts) / work.total_s) for counts in plans]
    low, high, times, best, tries = -1, len(plans), 1.0, None, 0
    while high - low > 1:
        guessed = next((at for at in range(low + 1, high) if excess[at] * times <= 1 - share), high - 1)
        at = guessed if tries < _GUESSES else (low + high) // 2
        tried, tries = replay(plans[at], told[at]), tries + 1
        times = max(_LEAST, 1 - tried.attainment) / excess[at]
        low, high, best = (low, at, tried) if tried.attainment >= share else (at, high, best)
    return best
