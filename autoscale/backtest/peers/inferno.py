"""llm-d's queueing model of one replica, "inferno" (llm-d @b08b1c77, ``pkg/analyzer/queueanalyzer.go``)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from autoscale.backtest.peers.lengths import RecentLengths
from autoscale.backtest.peers.model import PROFILED, ModelOf
from autoscale.backtest.peers.readings import arrivals_per_s
from autoscale.backtest.trailing import Trailing
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision, hold

_QUEUE_PER_BATCH = 10
_BISECTIONS = 30
_SAME = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueModel:
    """One replica as a birth-death chain whose service slows as the batch grows; times in seconds.

    ``alpha``, ``beta`` and ``gamma`` are the constant of a step, and what a token computed and a token attended to add.
    """

    alpha: float
    beta: float
    gamma: float
    prompt: float
    output: float
    max_batch: int
    max_queue: int

    def step(self, n: float) -> float:
        """Return the time of a step with *n* requests in the batch."""
        i, o = self.prompt, self.output
        return self.alpha + n * (self.beta * (i + o) / (o + 1) + self.gamma * (i + o / 2))

    def prefill(self, n: float) -> float:
        """Return the time that a prompt takes beside *n* requests."""
        return self.step(n) + (self.beta + self.gamma) * self.prompt

    def decode(self, n: float) -> float:
        """Return the time that one token takes beside *n* requests."""
        return self.step(n) + self.beta + self.gamma * (self.prompt + self.output / 2)

    def service_rates(self) -> npt.NDArray[np.float64]:
        """Return requests finished per second with 1, 2 … of them in the replica, those that wait included."""
        n = np.minimum(np.arange(1, self.max_batch + self.max_queue + 1, dtype=np.float64), self.max_batch)
        i, o = self.prompt, self.output
        step = self.alpha + n * (self.beta * (i + o) / (o + 1) + self.gamma * (i + o / 2))
        prefill = step + (self.beta + self.gamma) * i
        decode = step + self.beta + self.gamma * (i + o / 2)
        return np.asarray(n / (prefill + o * decode), dtype=np.float64)

    def means(self, rate_rps: float) -> tuple[float, float]:
        """Return mean TTFT and mean time per output token at *rate_rps*."""
        mu = self.service_rates()
        log_p = np.concatenate([[0.0], np.cumsum(np.log(rate_rps) - np.log(mu))])
        p = np.exp(log_p - log_p.max())
        p /= p.sum()
        states = np.arange(len(p))
        busy = np.minimum(states, self.max_batch)
        through = rate_rps * (1 - p[-1])
        in_service = float(p @ busy)
        wait, service = float(p @ (states - busy)) / through, in_service / through
        prefill = self.prefill(in_service)
        return wait + prefill + self.decode(in_service), (service - prefill) / self.output

    def largest_rate(self, ttft_s: float, tpot_s: float) -> float:
        """Return the largest rate with both means within their targets, requests per second."""
        mu = self.service_rates()
        low, high = 0.001 * float(mu[0]), 0.999 * float(mu.max())
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            ttft, tpot = self.means(middle)
            low, high = (middle, high) if ttft <= ttft_s and tpot <= tpot_s else (low, middle)
        return low


def queue_model(step: StepModel, pool: PoolFleet, prompt: float, output: float) -> QueueModel:
    """Return the chain of a replica with these step times; one beta stands for prompt and output tokens alike."""
    held = pool.limits.kv_tokens / (prompt + output / 2) if pool.limits.kv_tokens else math.inf
    batch = int(max(1, min(pool.limits.slots or 256, held)))
    work = step.prefill_token_s * prompt + step.sequence_s * output
    return QueueModel(
        alpha=step.base_s,
        beta=work / (prompt + output),
        gamma=step.kv_token_s,
        prompt=prompt,
        output=output,
        max_batch=batch,
        max_queue=_QUEUE_PER_BATCH * batch,
    )


@dataclass(slots=True, kw_only=True)
class Inferno:
    """Arrivals over the largest rate at which the means hold; down only to the highest answer of the last 300 s."""

    model_of: ModelOf = PROFILED
    interval_s: float = 60.0
    margin: float = 1.0
    stabilization_s: float = 300.0
    _lengths: RecentLengths = field(default_factory=RecentLengths)
    _asked: Trailing = field(init=False)
    _solved: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        self._asked = Trailing(self.stabilization_s)

    def see(self, pool: PoolFleet, at_s: float) -> None:
        """Follow the mean lengths."""
        self._lengths.see(pool, at_s)

    def size(self, pool: PoolFleet, at_s: float) -> PoolDecision:
        """Answer from arrivals and the queueing model."""
        step = self.model_of(pool)
        if step is None or not self._lengths.output:
            return hold(pool, "step times or lengths unknown")
        rate = self._rate(pool, step)
        asked = max(1, math.ceil(self.margin * arrivals_per_s(pool) / rate - 1e-9))
        self._asked.add(at_s, asked)
        replicas = asked if asked >= pool.target else min(pool.target, int(self._asked.highest))
        return PoolDecision(replicas=replicas, reason=f"{arrivals_per_s(pool):.2f} rps, {rate:.3f} each by means")

    def _rate(self, pool: PoolFleet, step: StepModel) -> float:
        """Solve again only when lengths have moved by 2 %."""
        prompt, output = self._lengths.prompt, self._lengths.output
        old_prompt, old_output, rate = self._solved
        if abs(prompt - old_prompt) > _SAME * prompt or abs(output - old_output) > _SAME * output:
            model = queue_model(step, pool, max(1.0, prompt * (1 - self._lengths.cached_share)), max(1.0, output))
            rate = model.largest_rate(pool.slo.ttft_p95_s or math.inf, pool.slo.tpot_p95_s or math.inf)
            self._solved = prompt, output, rate
        return rate
