"""From the steps of every round to a profile, and how well it fits each of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from autoscale.capacity.fit import StepSolver
from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from cluster.profiling.measure import ALONE_PROMPT, Measured
from cluster.profiling.sweep import Round
from deployments.totals import STEP_FEATURES, StepTotals, together

FEWEST_STEPS, FEWEST_ROUNDS = 10.0, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One round against the fit: mean step in seconds, the model's, and the spread of single steps as a share."""

    round: Round
    steps: float
    step_s: float
    fitted_s: float
    spread: float

    @property
    def off(self) -> float:
        """Return by how much the model is off, as a share of the measured time."""
        return self.fitted_s / self.step_s - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The profile, and the rounds that it was fitted to."""

    profile: EngineProfile
    regions: tuple[Region, ...]

    def lines(self) -> Iterator[str]:
        """Write the fit out, coefficient by coefficient and round by round."""
        step = self.profile.step
        yield f"step time  {1e3 * step.base_s:.3f} ms"
        yield f"         + {1e6 * step.prefill_token_s:.2f} us per prompt token"
        yield f"         + {1e9 * step.prefill_context_s:.3f} ns per prompt token and token before it"
        yield f"         + {1e6 * step.sequence_s:.2f} us per decoding sequence"
        yield f"         + {1e9 * step.kv_token_s:.2f} ns per token in their KV cache"
        yield f"a first token comes {1e3 * self.profile.entry_s:.2f} ms later than its step takes"
        yield f"single steps differ by {self.profile.noise:.1%}; starts take {self.profile.starts.median_s:.1f} s"
        yield f"{'streams x prompt+output':>24} {'steps':>7} {'measured':>10} {'fitted':>10} {'off':>6} {'spread':>7}"
        for one in self.regions:
            yield (
                f"{one.round!s:>24} {one.steps:>7.0f} {1e3 * one.step_s:>7.2f} ms {1e3 * one.fitted_s:>7.2f} ms"
                f" {one.off:>+6.1%} {one.spread:>7.1%}"
            )


def outcome(measured: Measured, *, model: str, hardware: str) -> Outcome:
    """Fit the step model, every round's relative error counting alike; raises ValueError where steps are too few."""
    kept = [(one, steps) for one, steps in measured.rounds if steps.steps >= FEWEST_STEPS]
    if len(kept) < FEWEST_ROUNDS:
        raise ValueError(
            f"{model}: only {len(kept)} of {len(measured.rounds)} rounds saw {FEWEST_STEPS:.0f} steps; "
            f"give more --seconds"
        )
    total = StepTotals()
    for _, steps in kept:
        mean_s = steps.seconds[0] / steps.steps
        total = together(total, _times(steps, 1 / (mean_s**2 * steps.steps)))
    solver = StepSolver(None)
    # In the units of the weights a fit would see a handful of steps, and the absence of a prior would weigh too much.
    solver.add(_times(total, sum(steps.steps for _, steps in kept) / total.steps), math.inf)
    step = solver.fit().step
    regions = tuple(_region(one, steps, step) for one, steps in kept)
    info = measured.info
    profile = EngineProfile(
        model=model,
        hardware=hardware,
        step=step,
        limits=EngineLimits(
            slots=info.slots,
            batched_tokens=info.batched_tokens,
            kv_tokens=info.kv_tokens,
            block_tokens=info.block_tokens,
        ),
        noise=min(1.0, median(one.spread for one in regions)),
        entry_s=_entry_s(measured, step),
        starts=StartTimes(median_s=measured.start_s),
    )
    return Outcome(profile=profile, regions=regions)


def _entry_s(measured: Measured, step: StepModel) -> float:
    """Return what a request on an idle engine waits for its first token beyond its step."""
    if not measured.alone_s:
        return 0.0
    step_s = step.seconds(prefill=ALONE_PROMPT, prefill_context=ALONE_PROMPT**2 / 2)
    return max(0.0, median(measured.alone_s) - step_s)


def _times(totals: StepTotals, weight: float) -> StepTotals:
    return StepTotals(
        gram=tuple(weight * value for value in totals.gram),
        seconds=tuple(weight * value for value in totals.seconds),
        seconds_squared=weight * totals.seconds_squared,
    )


def _region(one: Round, steps: StepTotals, step: StepModel) -> Region:
    values, count = step.values, steps.steps
    mean_s = steps.seconds[0] / count
    fitted_s = sum(a * b for a, b in zip(values, steps.gram, strict=False)) / count
    rows = iter(steps.gram)
    squared = sum(
        next(rows) * values[i] * values[j] * (1 if i == j else 2)
        for i in range(STEP_FEATURES)
        for j in range(i, STEP_FEATURES)
    )
    crossed = sum(a * b for a, b in zip(values, steps.seconds, strict=True))
    variance = (steps.seconds_squared - 2 * crossed + squared) / count - (mean_s - fitted_s) ** 2
    return Region(
        round=one, steps=count, step_s=mean_s, fitted_s=fitted_s, spread=math.sqrt(max(0.0, variance)) / mean_s
    )
