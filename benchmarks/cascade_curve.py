"""What a cascade of two recorded models would have answered, and at what cost: pure functions of the recordings.

Costs are shares of asking the large model everything. The straight line between the two models is what a coin costs and
gets: so many questions to the one, the rest to the other, whatever they are. A cascade is worth its trouble above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from statistics import fmean
from typing import Literal, NamedTuple

import msgspec

from benchmarks.cascade_record import Record

Signal = Literal["mean_logprob", "margin"]
SIGNALS: tuple[Signal, ...] = ("mean_logprob", "margin")
WINDOWS = (4, 8, 16, 32)
HALVES = 400
_SEED = 7
_BEYOND = 1e-6


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One question with both models' answers, and whether they are right."""

    small: Record
    large: Record
    small_right: bool
    large_right: bool


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What work costs: by tokens, where one of the small model costs ``small`` of the large one's, or by seconds."""

    small: float = 1.0
    by: Literal["tokens", "seconds"] = "tokens"


class Weighed(NamedTuple):
    """One question by what matters: how ``sure`` the small model was, who is right, and what each way costs.

    ``kept`` is the cost of the small model's whole answer, ``stopped`` that of its first tokens, ``large`` the other's.
    """

    sure: float
    small_right: bool
    large_right: bool
    kept: float
    stopped: float
    large: float


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What the threshold ``least`` comes to; ``cost`` is a share of the large model's alone."""

    least: float
    accuracy: float
    escalated: float
    cost: float


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The two models alone; the large one costs 1."""

    small_cost: float
    small_accuracy: float
    large_accuracy: float

    def at(self, cost: float) -> float:
        """Return the accuracy that a coin gets for *cost*."""
        if cost >= 1.0 or self.small_cost >= 1.0:
            return self.large_accuracy
        share = max(0.0, (cost - self.small_cost) / (1.0 - self.small_cost))
        return self.small_accuracy + share * (self.large_accuracy - self.small_accuracy)


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """The lift on one half of the questions of the threshold that did best on the other: mean, and where 90 % lie."""

    mean: float
    low: float
    high: float


def weighed(cases: Sequence[Case], signal: Signal, after: int, price: Price) -> list[Weighed]:
    """Weigh every question for a cascade that judges by *signal* over the first *after* tokens of a stream."""
    return [
        Weighed(
            sure=sureness(case.small, signal, after),
            small_right=case.small_right,
            large_right=case.large_right,
            kept=_cost(case.small, price, price.small),
            stopped=_cost(case.small, price, price.small, after),
            large=_cost(case.large, price, 1.0),
        )
        for case in cases
    ]


def sureness(answer: Record, signal: Signal, after: int) -> float:
    """Return the mean that a cascade would see; one without tokens is not judged, and so kept."""
    seen = (answer.logprobs if signal == "mean_logprob" else answer.margins)[:after]
    return fmean(seen) if seen else float("inf")


def point(rows: Sequence[Weighed], least: float) -> Point:
    """Return what keeping answers that are at least so sure comes to."""
    kept = [row.sure >= least for row in rows]
    right = sum(row.small_right if keep else row.large_right for row, keep in zip(rows, kept, strict=True))
    spent = sum(row.kept if keep else row.stopped + row.large for row, keep in zip(rows, kept, strict=True))
    return Point(
        least=least,
        accuracy=right / len(rows),
        escalated=1 - sum(kept) / len(rows),
        cost=spent / sum(row.large for row in rows),
    )


def line(rows: Sequence[Weighed]) -> Line:
    """Return both models alone."""
    return Line(
        small_cost=sum(row.kept for row in rows) / sum(row.large for row in rows),
        small_accuracy=fmean(row.small_right for row in rows),
        large_accuracy=fmean(row.large_right for row in rows),
    )


def thresholds(rows: Sequence[Weighed]) -> list[float]:
    """Return a threshold for each place between two answers, from the one that keeps all to the one that keeps none."""
    means = sorted({row.sure for row in rows if row.sure != float("inf")})
    return [means[0] - _BEYOND, *((low + high) / 2 for low, high in pairwise(means)), means[-1] + _BEYOND]


def curve(rows: Sequence[Weighed]) -> list[Point]:
    """Return the points of every threshold."""
    return [point(rows, least) for least in thresholds(rows)]


def held_out(rows: Sequence[Weighed]) -> HeldOut:
    """Choose a threshold on half of the questions and measure its lift on the rest, for many halves."""
    rng, lifts, order = Random(_SEED), list[float](), list(rows)  # noqa: S311 - which half, no secret
    for _ in range(HALVES):
        rng.shuffle(order)
        chosen_on, measured_on = order[: len(order) // 2], order[len(order) // 2 :]
        ends = line(chosen_on)
        best = max(curve(chosen_on), key=lambda one, ends=ends: one.accuracy - ends.at(one.cost))  # type: ignore[misc]
        found = point(measured_on, best.least)
        lifts.append(found.accuracy - line(measured_on).at(found.cost))
    lifts.sort()
    return HeldOut(mean=fmean(lifts), low=lifts[len(lifts) // 20], high=lifts[-1 - len(lifts) // 20])


def separation(rows: Sequence[Weighed]) -> float:
    """Return how often a right answer of the small model is surer than a wrong one (area under the ROC curve)."""
    right, wrong = ([row.sure for row in rows if row.small_right is wanted] for wanted in (True, False))
    wins = sum((one > other) + 0.5 * (one == other) for one in right for other in wrong)
    return wins / (len(right) * len(wrong)) if right and wrong else float("nan")


def _cost(answer: Record, price: Price, token: float, stopped_after: int | None = None) -> float:
    """Return what an answer costs at *token* a token, or its first tokens where it is stopped there."""
    used = answer.tokens if stopped_after is None else min(answer.tokens, stopped_after)
    if price.by == "tokens":
        return token * used
    return answer.ttft_s + (answer.seconds - answer.ttft_s) * used / max(1, answer.tokens)
