"""What a trace asks of a pool, step by step, in replicas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autoscale.capacity.step_model import StepModel
from autoscale.sim.arrivals import Arrivals, Trace

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EngineSeconds:
    """How long an engine works on each of some requests beyond the constant of its steps: on prompts and on answers."""

    prefill: Floats
    decode: Floats

    @property
    def total(self) -> Floats:
        """Return both together."""
        return self.prefill + self.decode


SecondsOf = Callable[[Arrivals], EngineSeconds]


def engine_seconds(step: StepModel) -> SecondsOf:
    """Return how long an engine works on each request.

    A prompt token costs its prefill and attends to half the prompt on average; every output token is a sequence's turn
    and attends to all that came before it.
    """

    def seconds(arrivals: Arrivals) -> EngineSeconds:
        prompt, output = arrivals.prompt.astype(np.float64), np.maximum(arrivals.output, 1).astype(np.float64)
        new = prompt - arrivals.cached
        return EngineSeconds(
            prefill=step.prefill_token_s * new + step.prefill_context_s * new * (arrivals.cached + new / 2),
            decode=step.sequence_s * output + step.kv_token_s * output * (prompt + output / 2),
        )

    return seconds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offered:
    """A trace summed up: engine seconds that are to be worked in each step of ``step_s``, and requests that arrive.

    ``last_s`` is when the last of them does.
    """

    step_s: float
    seconds: Floats
    requests: Floats
    last_s: float

    def replicas(self, seconds_per_replica: float) -> Floats:
        """Return the replicas that each step keeps busy when one does *seconds_per_replica* of work a second."""
        return self.seconds / (self.step_s * seconds_per_replica)


def offered(trace: Trace, seconds_of: SecondsOf, step_s: float, token_s: float) -> Offered:
    """Read *trace* once and sum it up.

    Prompts are worked on when they arrive; answers evenly over the time that they take at *token_s* a token, as far as
    the trace goes.
    """
    sums = _Sums(step_s)
    for chunk in trace:
        if len(chunk):
            sums.add(chunk.t_s, seconds_of(chunk), np.maximum(chunk.output, 1) * token_s)
    return sums.offered()


class _Sums:
    """Work by step, as what arrives at once and as what begins and ends."""

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._at_once, self._rate, self._requests = np.zeros(0), np.zeros(0), np.zeros(0)
        self._steps, self._last_s = 0, 0.0

    def add(self, t_s: Floats, seconds: EngineSeconds, takes_s: Floats) -> None:
        begin = (t_s // self._step_s).astype(np.int64)
        end = ((t_s + takes_s) // self._step_s).astype(np.int64) + 1
        each = seconds.decode / (end - begin)
        self._steps, self._last_s = max(self._steps, int(begin[-1]) + 1), float(t_s[-1])
        self._at_once = _plus(self._at_once, begin, seconds.prefill)
        self._rate = _plus(_plus(self._rate, begin, each), end, -each)
        self._requests = _plus(self._requests, begin, np.ones(len(begin)))

    def offered(self) -> Offered:
        steps = self._steps
        decode = np.cumsum(self._rate)[:steps]
        return Offered(
            step_s=self._step_s,
            seconds=np.maximum(0.0, self._at_once[:steps] + decode),
            requests=self._requests[:steps],
            last_s=self._last_s,
        )


def _plus(total: Floats, places: npt.NDArray[np.int64], values: Floats) -> Floats:
    added = np.bincount(places, weights=values, minlength=len(total))
    if len(added) == len(total):
        return np.asarray(total + added)
    grown = np.zeros(max(2 * len(total), len(added)))
    grown[: len(total)] = total
    grown[: len(added)] += added
    return grown


def smoothed(values: Floats, steps: int) -> Floats:
    """Return the centred mean over *steps* steps; shorter where the trace begins and ends."""
    ones = np.ones(max(1, min(steps, len(values))))
    return np.asarray(np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same"))
