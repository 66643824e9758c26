"""The largest rate that one replica carries within its latency targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

from autoscale.capacity.congestion import Traffic, congestion, most_running
from autoscale.capacity.miss_curve import MissCurve
from autoscale.capacity.misses import idle_misses, tpot_misses, ttft_misses
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits
from autoscale.capacity.step_model import StepModel
from autoscale.capacity.work import Work, work_of
from autoscale.fleet import Slo

Binds = Literal["ttft", "tpot", "kv", "slots", "work"]

# Whatever the targets, an engine may not be busier than this: its queue would outgrow every error of the model.
MOST_UTILIZATION = 0.95
_HALVINGS = 12
# Where a rate is guessed, how wide around it to look first, and how exactly: as shares of it.
_NEAR, _CLOSE = 0.85, 0.005
_PATIENCE_S = 10.0
_HOPELESS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """What one replica carries: ``rate_rps`` requests per second, ``work_s`` seconds of steps for each.

    ``work_s`` leaves out the constant of every step; ``utilization`` is rate x work, in [0, 1). ``binds`` names what
    ends first: a target, room in the batch (``slots``) or in the cache (``kv``), or the engine's time (``work``).
    ``rate_rps`` is 0 where most requests miss a target on an idle engine. ``running`` is the mean number of sequences
    in the batch and ``step_s`` the mean step at that rate. ``curve`` says how many miss at other rates, beside the
    ``hopeless`` share, which an idle engine makes late as well. A ``provisional`` knee stands in for a better one that
    is being worked out.
    """

    rate_rps: float
    work_s: float
    utilization: float
    binds: Binds
    running: float = 0.0
    step_s: float = 0.0
    curve: MissCurve | None = None
    hopeless: float = 0.0
    provisional: bool = False

    def scaled(self, ratio: float) -> Knee:
        """Return the knee of an engine that carries *ratio* times as much."""
        return replace(
            self,
            rate_rps=ratio * self.rate_rps,
            utilization=ratio * self.utilization,
            curve=self.curve.scaled(ratio) if self.curve else None,
        )

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Self:
        """Return the knee that ``plain`` has told. Raises KeyError or TypeError for anything else."""
        curve = plain["curve"]
        return cls(**{**plain, "curve": None if curve is None else MissCurve(tuple(curve["logs_rps"]))})


def work(step: StepModel, mix: LengthMix) -> float:
    """Return the seconds of steps that one request takes, beyond the constant that a step costs whoever is in it."""
    return work_of(step, mix).total_s


def knee(
    step: StepModel,
    limits: EngineLimits,
    mix: LengthMix,
    slo: Slo,
    *,
    replicas: int = 1,
    quantile: float = 0.999,
    gap_cv: float = 1.0,
    near_rps: float | None = None,
) -> Knee:
    """Return the knee of each of *replicas* engines to which a router sends requests evenly.

    At the knee *quantile* of the requests are within every target, not counting those that an idle engine would make
    late as well (a prompt too long for the target). Requests come at a steady rate with gaps that vary by *gap_cv*, 1
    being random. Two replicas carry more than twice what one does: the more there are, the steadier is each one's part.

    Where the knee is thought to be *near_rps*, it is found sooner if it is.
    """
    load = _Load(step=step, limits=limits, mix=mix, slo=slo, work=work_of(step, mix))
    hopeless = idle_misses(step, mix, slo.ttft_p95_s, slo.tpot_p95_s, limits.batched_tokens)
    total_s = load.work.total_s
    if hopeless > _HOPELESS or total_s <= 0:
        return Knee(rate_rps=0.0, work_s=total_s, utilization=0.0, binds="tpot" if hopeless == 1.0 else "ttft")

    def holds(rate_rps: float) -> bool:
        missed = load.missed(Traffic(rate_rps=rate_rps, replicas=replicas, gap_cv=gap_cv))
        return missed is not None and max(0.0, missed[0] - hopeless) + missed[1] <= 1 - quantile

    low, high = _boundary(holds, MOST_UTILIZATION / total_s, near_rps)
    return load.at(Traffic(rate_rps=low, replicas=replicas, gap_cv=gap_cv), high)


def _boundary(holds: Callable[[float], bool], most: float, near: float | None) -> tuple[float, float]:
    """Return two rates close to each other of which the lower one holds and the higher does not."""
    low, high = 0.0, most
    if near is not None and 0 < near < most:
        below, above = _NEAR * near, min(most, near / _NEAR)
        low, high = (below, above) if holds(below) else (0.0, below)
        if low and above < most and holds(above):
            low, high = above, most
    close = max(_CLOSE * low, most / 2**_HALVINGS) if near is not None else most / 2**_HALVINGS
    while high - low > close:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    step: StepModel
    limits: EngineLimits
    mix: LengthMix
    slo: Slo
    work: Work

    def missed(self, traffic: Traffic) -> tuple[float, float] | None:
        """Return the shares of requests late at their first token and between tokens, None where work piles up."""
        ttft_s, tpot_s = self.slo.ttft_p95_s, self.slo.tpot_p95_s
        patience_s = ttft_s or _PATIENCE_S
        state = congestion(self.step, self.limits, self.mix, self.work, traffic, patience_s=patience_s)
        if state is None:
            return None
        return (
            ttft_misses(state, self.step, self.mix, ttft_s) if ttft_s is not None else 0.0,
            tpot_misses(state, self.step, self.mix, self.work, traffic, tpot_s) if tpot_s is not None else 0.0,
        )

    def at(self, traffic: Traffic, beyond_rps: float) -> Knee:
        """Describe the knee at *traffic*; *beyond_rps* is a rate just too high."""
        patience_s = self.slo.ttft_p95_s or _PATIENCE_S
        state = congestion(self.step, self.limits, self.mix, self.work, traffic, patience_s=patience_s)
        return Knee(
            rate_rps=traffic.rate_rps,
            work_s=self.work.total_s,
            utilization=traffic.rate_rps * self.work.total_s,
            binds=self._binds(replace(traffic, rate_rps=beyond_rps)),
            running=state.running if state else 0.0,
            step_s=state.step_s if state else self.step.base_s,
        )

    def _binds(self, beyond: Traffic) -> Binds:
        missed = self.missed(beyond)
        room: Binds = "kv" if most_running(self.limits, self.work)[1] else "slots"
        if missed is None:
            roomy = replace(self, limits=replace(self.limits, slots=0, kv_tokens=0))
            return "work" if roomy.missed(beyond) is None else room
        late_first, late_between = missed
        if late_first <= late_between:
            return "tpot" if late_between > 0 else "work"
        patience_s = self.slo.ttft_p95_s or _PATIENCE_S
        state = congestion(self.step, self.limits, self.mix, self.work, beyond, patience_s=patience_s)
        return room if state is not None and 2 * state.room_share > late_first else "ttft"
