"""What an engine with continuous batching is like at a given rate: steps, batch, and queues, in closed form.

With N sequences in the batch a step takes T = (c + d N) / (1 - r): c is the constant of every step, d the time of a
sequence, r the share of time that prompts take. A sequence needs as many steps as it has tokens, so requests leave at
N / (tokens x T), and N is a birth-and-death process whose stationary distribution is negative binomial; its mean gives
T = c / (1 - rate x work). Prompts wait for each other as in a queue with one server (J. F. C. Kingman, 1961).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.capacity.tails import gamma_tail
from autoscale.capacity.work import Work

_UNLIMITED = 1e6
# Sequences in a full cache differ in length: this share of it is used before some are thrown out and computed again.
_KV_SHARE = 0.95
STABLE = 0.99
# A router that counts requests does not see which of them are long prompts; the less, the more others there are. Both
# figures are fitted to simulated pools (``python -m benchmarks.knee_calibration``).
_BLIND = 1.0
_TURNS = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What comes to each of ``replicas`` engines; the gaps between the pool's arrivals vary by ``gap_cv``."""

    rate_rps: float
    replicas: int = 1
    gap_cv: float = 1.0

    @property
    def burst(self) -> float:
        """Return by how much the number of arrivals varies more than at random, seen from one engine's batch."""
        return (1 + self.gap_cv**2) / 2

    @property
    def own_gap_squared(self) -> float:
        """Return the squared variation of the gaps at one engine.

        Engines that took turns would even the gaps out, engines chosen at random make them random; a router that
        counts requests is in between.
        """
        in_turn = self.gap_cv**2 / self.replicas
        at_random = 1 + (self.gap_cv**2 - 1) / self.replicas
        return _TURNS * in_turn + (1 - _TURNS) * at_random


@dataclass(frozen=True, slots=True, kw_only=True)
class Congestion:
    """The steady state: mean step, batch and its variance, and waiting.

    ``full_step_s`` is a step with a full token budget. A prompt waits for others with probability ``busy_share``, and
    then ``wait_s`` on average; its own prefill takes ``token_s`` a token more than its work, for the decoding in the
    same steps, ``service_s`` in all with a variation of ``service_cv``. ``busy_too`` is how likely all engines have
    something to do, so that a request must come to one that has. ``room_share`` is how likely the batch is full and
    stays so for as long as a target lets a request wait.
    """

    step_s: float
    prefill_share: float
    busy_too: float
    running: float
    running_variance: float
    full_step_s: float
    busy_share: float
    wait_s: float
    token_s: float
    room_share: float
    service_s: float
    service_cv: float


def most_running(limits: EngineLimits, work: Work) -> tuple[float, bool]:
    """Return how many sequences fit into the batch, and whether it is the cache that limits them."""
    slots = float(limits.slots or _UNLIMITED)
    held = _KV_SHARE * limits.kv_tokens / max(1.0, work.held_tokens) if limits.kv_tokens else _UNLIMITED
    return max(1.0, min(slots, held)), held < slots


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """How many sequences all engines decode together (``total``), and how fast one engine with a full batch is."""

    prefill_share: float
    total: float
    variance: float
    most: float
    leaving_rps: float


def congestion(
    step: StepModel, limits: EngineLimits, mix: LengthMix, work: Work, traffic: Traffic, *, patience_s: float
) -> Congestion | None:
    """Return the steady state, None where there is none: work arrives faster than it is done."""
    batch = _batch(step, limits, work, traffic)
    if batch is None:
        return None
    n = traffic.replicas
    running = min(batch.total / n, batch.most)
    decode_s = step.base_s + work.sequence_s * running
    budget = max(1.0, (limits.batched_tokens or _UNLIMITED) - running)
    queue = _queue(mix, work, traffic, decode_s / budget, running)
    if queue is None:
        return None
    busy_share, wait_s, service_s, service_cv = queue
    busy_too = gamma_tail(n - 0.5, batch.total, batch.variance) if n > 1 else 1.0
    return Congestion(
        step_s=(decode_s + work.sequence_s) / (1 - batch.prefill_share * busy_too),
        prefill_share=batch.prefill_share,
        busy_too=busy_too,
        running=running,
        running_variance=batch.variance / n**2,
        full_step_s=decode_s + work.prefill_s * budget / max(1.0, mix.prompt_mean * (1 - mix.cached_share)),
        busy_share=busy_share,
        wait_s=wait_s,
        token_s=decode_s / budget,
        room_share=_without_room(batch, traffic, patience_s),
        service_s=service_s,
        service_cv=service_cv,
    )


def _batch(step: StepModel, limits: EngineLimits, work: Work, traffic: Traffic) -> _Batch | None:
    """Return the batch, None where sequences pile up."""
    rate, each, n = traffic.rate_rps, work.sequence_s, traffic.replicas
    prefill = rate * work.prefill_s
    if prefill >= STABLE:
        return None
    most, _ = most_running(limits, work)
    growth = rate * work.output_mean * each / (1 - prefill)
    full_s = (step.base_s + each * most) / (1 - prefill)
    leaving_rps = most / max(1e-9, work.output_mean * full_s)
    if growth >= STABLE or rate >= STABLE * leaving_rps:
        return None
    idle = rate * work.output_mean * step.base_s / (1 - prefill)
    total = (n * idle + growth) / (1 - growth)
    variance = total / (1 - growth) * traffic.burst
    return _Batch(prefill_share=prefill, total=total, variance=variance, most=most, leaving_rps=leaving_rps)


def _without_room(batch: _Batch, traffic: Traffic, patience_s: float) -> float:
    """Return how likely all batches are full and so many wait that the last is let in only after *patience_s*."""
    full = gamma_tail(traffic.replicas * batch.most, batch.total, batch.variance)
    served = traffic.replicas * patience_s * batch.leaving_rps
    return full * float((traffic.rate_rps / batch.leaving_rps) ** (served / traffic.burst))


def _queue(
    mix: LengthMix, work: Work, traffic: Traffic, token_s: float, running: float
) -> tuple[float, float, float, float] | None:
    """Return how likely a prompt waits for others, for how long then, and mean and variation of its own time.

    None where the queue grows for ever.
    """
    computed = mix.prompt_mean * (1 - mix.cached_share)
    mean = work.prefill_s + token_s * computed
    spread = 1 + mix.prompt_cv**2
    beside_s = token_s * computed
    square = work.prefill_squared + (2 * beside_s * work.prefill_s + beside_s**2) * spread
    busy = traffic.rate_rps * mean
    if busy >= STABLE or mean <= 0:
        return None if mean > 0 else (0.0, 0.0, 0.0, 0.0)
    service = max(0.0, square / mean**2 - 1)
    varied = max(0.05, traffic.own_gap_squared + service)
    share = busy ** max(1.0, 1 + (math.sqrt(traffic.replicas) / traffic.gap_cv - 1) / (1 + _BLIND * running))
    return share, mean * varied / 2 / (1 - busy), mean, math.sqrt(service)
