"""Simulated knees for a process that must not wait for them: another one works them out."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from autoscale.capacity.knee import Knee
from autoscale.capacity.knee_source import KneeQuestion, analytic
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.work import request_s, work_of
from autoscale.controller.cpu_budget import CpuBudget
from autoscale.controller.knee_worker import Answer, KneeWorker, WorkerGoneError
from autoscale.fleet import Slo

log = logging.getLogger("tercet.autoscale")

# The first answer waits for compiled code, which may have to be made, by a process that gives way to busy engines.
DEADLINE_S = 600.0
# After a failure, doubled with each that follows.
AGAIN_AFTER_S, _AT_MOST_S = 60.0, 3600.0
_MOST_WAITING, _KEPT = 1_000, 2_000
# Requests that take so many times as long, or so much shorter, are none that a simulation says something of.
_FAR, _LATEST = 1.5, 4
_LEAST_RATIO, _MOST_RATIO = 0.1, 10.0
# In the long run simulations take this share of one core; after a rest, so many seconds of CPU time at once.
_SHARE, _AT_ONCE_S = 0.05, 30.0
# Compiled code takes memory, which nobody who asks twice an hour needs in between.
_IDLE_S = 300.0


@dataclass(slots=True)
class KneeProcess:
    """Answer by formulas at once, and by simulation when that has come; ``close`` ends the process that it owns.

    A recent simulation of as many such engines with such targets stands in, by as much as requests take longer now;
    where there is none, formulas do, corrected by how far they were off last. Both are marked provisional. Without the
    process, as long as it does not answer, they are all there is. It is begun when there is something to ask, and ends
    after ``idle_s`` without.

    Nobody waits any more for the answer to a question that was not asked again for ``stale_s``, which should be more
    than the time between two decisions.
    """

    clock: Callable[[], float] = time.monotonic
    budget: CpuBudget = field(default_factory=lambda: CpuBudget(_SHARE, _AT_ONCE_S))
    idle_s: float = _IDLE_S
    stale_s: float = 5.0
    _known: dict[KneeQuestion, Knee] = field(default_factory=dict)
    _guesses: dict[KneeQuestion, Knee] = field(default_factory=dict)
    _waiting: dict[KneeQuestion, float] = field(default_factory=dict)
    _sent: dict[tuple[EngineLimits, Slo], float] = field(default_factory=dict)
    _ratios: dict[tuple[EngineLimits, Slo], float] = field(default_factory=dict)
    _last: dict[tuple[EngineLimits, Slo, int], deque[tuple[float, Knee]]] = field(default_factory=dict)
    _worker: KneeWorker | None = None
    _under_way: tuple[KneeQuestion, float] | None = None
    _not_before_s: float = 0.0
    _failures: int = 0

    def __call__(self, asked: KneeQuestion) -> Knee:
        """Return the simulated knee if it is known, else a provisional one, and have it worked out."""
        now_s = self.clock()
        self._collect(now_s)
        if asked in self._known:
            return self._known[asked]
        if asked in self._waiting or len(self._waiting) < _MOST_WAITING:
            self._waiting[asked] = now_s
        self._send(now_s)
        if (found := self._like_the_last(asked)) is not None:
            return found
        if asked not in self._guesses:
            _make_room(self._guesses)
            self._guesses[asked] = analytic(asked)
        guess = self._guesses[asked].scaled(self._ratios.get((asked.limits, asked.slo), 1.0))
        return replace(guess, provisional=True)

    def step(self) -> None:
        """Take what has been answered and have the next question worked out, without waiting until somebody asks."""
        now_s = self.clock()
        self._collect(now_s)
        self._send(now_s)

    def _like_the_last(self, asked: KneeQuestion) -> Knee | None:
        """Return the simulated knee at this size of the most similar requests, as it would be with these.

        None where it says little of them.
        """
        takes_s = request_s(asked.step, asked.mix)
        known = self._last.get((asked.limits, asked.slo, asked.replicas), ())
        ratio, found = min(((took_s / takes_s, one) for took_s, one in known), key=_far, default=(math.inf, None))
        if found is None or not 1 / _FAR < ratio < _FAR:
            return None
        work_s, scaled = work_of(asked.step, asked.mix).total_s, found.scaled(ratio)
        return replace(scaled, work_s=work_s, utilization=scaled.rate_rps * work_s, provisional=True)

    def close(self) -> None:
        """End the process, whatever it does."""
        worker, self._worker, self._under_way = self._worker, None, None
        if worker is not None:
            worker.close()

    def _send(self, now_s: float) -> None:
        """Give the process a question, if it has none and may have one."""
        if not self._waiting or self._under_way is not None or now_s < self._not_before_s:
            return
        if not self.budget.left(now_s) or (asked := self._next(now_s)) is None:
            return
        try:
            self._worker = self._worker or KneeWorker(self.idle_s)
            self._worker.ask(asked)
        except WorkerGoneError as gone:
            self._gone(asked, gone, now_s)
        except OSError as error:
            self._give_up(f"cannot be begun: {error}", now_s)
        else:
            self._under_way = asked, now_s
            _make_room(self._sent)
            self._sent[asked.limits, asked.slo] = now_s

    def _next(self, now_s: float) -> KneeQuestion | None:
        """Return what was asked last of the engines and targets whose turn was the longest ago."""
        self._waiting = {one: at_s for one, at_s in self._waiting.items() if now_s - at_s <= self.stale_s}

        def turn(one: KneeQuestion) -> tuple[float, float]:
            return self._sent.get((one.limits, one.slo), -math.inf), -self._waiting[one]

        return min(self._waiting, key=turn, default=None)

    def _collect(self, now_s: float) -> None:
        """Take what has been answered; a process that is late is ended, and begun again some time later."""
        if self._under_way is None or self._worker is None:
            return
        asked, since_s = self._under_way
        try:
            answer = self._worker.answer()
        except WorkerGoneError as gone:
            self._gone(asked, gone, now_s)
            return
        if answer is not None:
            self._take(asked, answer)
        elif now_s - since_s > DEADLINE_S:
            self._waiting.pop(asked, None)  # others first
            self._give_up(f"has not answered for {now_s - since_s:.0f}s", now_s)

    def _take(self, asked: KneeQuestion, answer: Answer) -> None:
        self._under_way, self._failures = None, 0
        self._waiting.pop(asked, None)
        self.budget.spend(answer.cpu_s)
        _make_room(self._known)
        guess = self._guesses.pop(asked, None)
        if answer.knee is None:
            log.warning("knee_unknown why=%s; this capacity is by formulas", answer.error)
            ratio = self._ratios.get((asked.limits, asked.slo), 1.0)
            self._known[asked] = (guess or analytic(asked)).scaled(ratio)
            return
        self._known[asked] = answer.knee
        if answer.knee.rate_rps > 0:
            _make_room(self._last)
            kept = self._last.setdefault((asked.limits, asked.slo, asked.replicas), deque(maxlen=_LATEST))
            kept.append((request_s(asked.step, asked.mix), answer.knee))
        if guess is not None and guess.rate_rps > 0 and answer.knee.rate_rps > 0:
            ratio = answer.knee.rate_rps / guess.rate_rps
            self._ratios[asked.limits, asked.slo] = min(_MOST_RATIO, max(_LEAST_RATIO, ratio))

    def _gone(self, asked: KneeQuestion, gone: WorkerGoneError, now_s: float) -> None:
        """Begin another one at once where it had only nothing to do; else *asked* may be why it ended."""
        if gone.resting:
            self.close()
        else:
            self._waiting.pop(asked, None)  # others first
            self._give_up(str(gone), now_s)

    def _give_up(self, why: str, now_s: float) -> None:
        again_s = min(_AT_MOST_S, AGAIN_AFTER_S * 2**self._failures)
        log.warning("knee_process %s; capacities are by formulas for %gs", why, again_s)
        self.close()
        self._failures, self._not_before_s = self._failures + 1, now_s + again_s


def _far(one: tuple[float, Knee]) -> float:
    return abs(math.log(one[0]))


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= _KEPT:
        kept.pop(next(iter(kept)))
