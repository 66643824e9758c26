"""What a fleet did under a burst, live or simulated, second by second; and how far two such courses agree."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A new number of replicas that was decided on at ``t_s``, and why."""

    t_s: float
    replicas: int
    reason: str


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """Replicas at every second of a burst, counted from its first; of ``judged`` requests, ``within`` met both targets.

    ``asked_s`` is when Serve began with each new replica, ``starts_s`` how long it took from then to being ready.
    ``attained`` is the share within both targets of the requests that came in each window of the simulator's, None
    where none came.
    """

    ready: list[int]
    target: list[int]
    judged: int
    within: int
    ttft_p50_s: float
    ttft_p95_s: float
    tpot_mean_s: float
    changes: list[Change]
    asked_s: list[float]
    starts_s: list[float]
    attained: list[float | None]

    @property
    def attainment(self) -> float:
        """Return the share of requests within both targets, 1 without requests."""
        return self.within / self.judged if self.judged else 1.0

    @property
    def mean_ready(self) -> float:
        """Return the mean number of ready replicas."""
        return float(np.mean(self.ready))


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far a simulation is from what happened; shares of what happened.

    ``ready_off`` is the mean absolute difference of ready replicas over their mean, ``ready_seconds_off`` the
    difference of their sums, ``attainment_off`` the difference of the shares within both targets.
    """

    ready_off: float
    ready_seconds_off: float
    attainment_off: float

    def within(self, share: float) -> bool:
        """Say whether timeline and attainment agree within *share*."""
        return self.ready_off <= share and abs(self.attainment_off) <= share


def agreement(live: Course, simulated: Course) -> Agreement:
    """Hold *simulated* against *live*, over the seconds that both have."""
    seconds = min(len(live.ready), len(simulated.ready))
    happened, foretold = np.array(live.ready[:seconds], float), np.array(simulated.ready[:seconds], float)
    return Agreement(
        ready_off=float(np.abs(foretold - happened).mean() / happened.mean()),
        ready_seconds_off=float(foretold.sum() / happened.sum() - 1),
        attainment_off=simulated.attainment / live.attainment - 1,
    )


def each_second(t_s: Sequence[float], values: Sequence[int], seconds: int, before: int) -> list[int]:
    """Return what held at seconds 0, 1, …: the last value at or before each, *before* where there is none yet."""
    at = np.searchsorted(np.asarray(t_s, float), np.arange(seconds) + 1e-9, side="right") - 1
    return [int(values[one]) if one >= 0 else before for one in at]


def windows(t_s: Sequence[float], within: Sequence[bool], window_s: float) -> list[float | None]:
    """Return the share *within* of the requests that came in each *window_s* seconds, None where none came."""
    which = (np.asarray(t_s, float) / window_s).astype(int)
    came = np.bincount(which)
    return shares(came.tolist(), np.bincount(which, np.asarray(within, float), len(came)).astype(int).tolist())


def shares(came: Sequence[int], within: Sequence[int]) -> list[float | None]:
    """Return what share of those that came was *within*, None where none came."""
    return [round(good / all_, 4) if all_ else None for all_, good in zip(came, within, strict=True)]
