"""``python -m benchmarks.knee_calibration``: how far closed-form knees are from simulated ones, and what fits best.

Random engines, mixes, targets and bursts; each is simulated at rates in between until the rate is found at which the
wanted share of requests meets its targets. ``--fit`` searches the coefficients of ``autoscale/capacity`` on every other
case and reports the rest.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from autoscale.capacity import congestion, misses
from autoscale.capacity.knee import Knee, knee
from autoscale.capacity.misses import idle_misses
from autoscale.capacity.mix import LengthMix
from autoscale.capacity.profile import EngineLimits, EngineProfile
from autoscale.capacity.step_model import StepModel
from autoscale.capacity.work import work_of
from autoscale.fleet import Fleet, Slo
from autoscale.policy import Decision, PoolDecision
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.scenario import Scenario, SimPool
from autoscale.sim.world import simulate

HALVINGS = 7
MOST_HOPELESS, TOO_HIGH = 0.02, 1.1
REQUESTS = {0.99: 20_000, 0.999: 60_000}
COEFFICIENTS: tuple[tuple[ModuleType, str], ...] = (
    (misses, "_BATCH_VARIES"),
    (misses, "_PROMPTS_VARY"),
    (misses, "_WAIT"),
    (misses, "_ONE"),
    (congestion, "_BLIND"),
    (congestion, "_TURNS"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One pool of ``replicas`` engines, its traffic and its targets."""

    profile: EngineProfile
    mix: LengthMix
    slo: Slo
    replicas: int
    gap_cv: float
    quantile: float
    seed: int

    def closed_form(self) -> Knee:
        """Return the knee by the formulas."""
        return knee(
            self.profile.step,
            self.profile.limits,
            self.mix,
            self.slo,
            replicas=self.replicas,
            quantile=self.quantile,
            gap_cv=self.gap_cv,
        )

    def simulated(self) -> float:
        """Return the knee by bisection over simulations of the same requests, in requests a second and replica."""
        low, high = 0.0, 0.97 / work_of(self.profile.step, self.mix).total_s
        # What misses when requests hardly ever meet is hopeless in this very sample.
        wanted = self._met(high / 1000) - (1 - self.quantile)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self._met(middle) >= wanted else (low, middle)
        return (low + high) / 2

    def _met(self, rate_rps: float) -> float:
        most = self.replicas
        pool = SimPool(
            name="pool", min_replicas=most, max_replicas=most, initial_replicas=most, profile=self.profile, slo=self.slo
        )
        scenario = Scenario(pools=(pool,), interval_s=60.0, routing_s=0.0, seed=self.seed)
        return simulate(scenario, {"pool": [self._arrivals(rate_rps * most)]}, _Fixed(most)).pools["pool"].attainment

    def _arrivals(self, rate_rps: float) -> Arrivals:
        random, count, mix = np.random.default_rng(self.seed), REQUESTS[self.quantile], self.mix
        shape = 1 / self.gap_cv**2
        prompt = np.minimum(
            _lognormal(random, mix.prompt_mean, mix.prompt_cv, count), self.profile.limits.kv_tokens // 2
        )
        return Arrivals(
            t_s=np.cumsum(random.gamma(shape, 1 / (shape * rate_rps), count)),
            prompt=prompt,
            output=_lognormal(random, mix.output_mean, mix.output_cv, count),
            cached=(prompt * mix.cached_share).astype(np.int32),
        )


@dataclass
class _Fixed:
    replicas: int

    def decide(self, fleet: Fleet) -> Decision:
        """Leave the pool as it is."""
        return Decision(pools=dict.fromkeys(fleet.pools, PoolDecision(replicas=self.replicas, reason="fixed")))


def case(seed: int) -> Case:
    """Draw a case in which at most 2 % of requests are hopeless."""
    random = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        return float(np.exp(random.uniform(math.log(low), math.log(high))))

    while True:
        base_s, prompt, output = between(0.005, 0.05), between(200, 6000), between(20, 600)
        token_s, sequence_s, held = between(2e-5, 3e-4), base_s * between(0.002, 0.05), prompt + output / 2
        step = StepModel(
            base_s=base_s,
            prefill_token_s=token_s,
            prefill_context_s=token_s / between(1e4, 2e5),
            sequence_s=sequence_s,
            kv_token_s=sequence_s / held * between(0.1, 2),
        )
        limits = EngineLimits(
            slots=int(between(32, 512)),
            batched_tokens=int(random.choice([512, 2048, 8192])),
            kv_tokens=int(held * between(30, 600)),
        )
        mix = LengthMix(
            prompt_mean=prompt,
            output_mean=output,
            prompt_cv=between(0.3, 1.5),
            output_cv=between(0.3, 1.2),
            cached_share=float(random.choice([0, 0, 0.4])),
        )
        ttft_s = between(3, 40) * (work_of(step, mix).prefill_s + 2 * base_s)
        slo = Slo(ttft_p95_s=ttft_s, tpot_p95_s=base_s * between(1.5, 12))
        hopeless = idle_misses(step, mix, slo.ttft_p95_s, slo.tpot_p95_s, limits.batched_tokens)
        drawn = Case(
            profile=EngineProfile(model="random", hardware="cpu", step=step, limits=limits, noise=0.02),
            mix=mix,
            slo=slo,
            replicas=int(random.choice([1, 2, 4, 12])),
            gap_cv=float(random.choice([1, 1, 1, 1.6])),
            quantile=float(random.choice([0.99, 0.999])),
            seed=seed,
        )
        if hopeless <= MOST_HOPELESS:
            return drawn


def report(found: Sequence[tuple[Case, float]]) -> Iterator[str]:
    """Write out how far the formulas are from the simulations, for all and by kind of case."""
    rows = [(one, rate, one.closed_form()) for one, rate in found]

    def line(name: str, ratios: Iterable[float]) -> str:
        values = np.array(list(ratios))
        if not len(values):
            return f"{name:28} {0:>6}"
        off, over = np.abs(values - 1), np.mean(values > TOO_HIGH)
        return f"{name:28} {len(values):>6} {np.median(off):>8.1%} {np.quantile(off, 0.9):>8.1%} {over:>8.0%}"

    yield f"{'simulated knee at':28} {'cases':>6} {'median':>8} {'p90':>8} {'over 10 % too high':>8}"
    yield line("any utilisation", (k.rate_rps / rate for _, rate, k in rows))
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1)):
        some = (k.rate_rps / rate for _, rate, k in rows if low <= rate * k.work_s < high)
        yield line(f"utilisation {low:g} to {high:g}", some)
    for replicas in (1, 2, 4, 12):
        yield line(f"{replicas} replicas", (k.rate_rps / rate for c, rate, k in rows if c.replicas == replicas))
    for cv in (1.0, 1.6):
        yield line(f"gap variation {cv:g}", (k.rate_rps / rate for c, rate, k in rows if c.gap_cv == cv))
    for low, high in ((0.3, 0.7), (0.7, 1.5)):
        some = (k.rate_rps / rate for c, rate, k in rows if low <= c.mix.prompt_cv < high)
        yield line(f"prompt variation {low:g} to {high:g}", some)


def fitted(found: Sequence[tuple[Case, float]], tries: int) -> str:
    """Search the coefficients that bring formulas and simulations closest, set them, and say what they are."""
    from scipy.optimize import minimize  # noqa: PLC0415 - only where coefficients are searched

    def loss(logarithms: Sequence[float]) -> float:
        for (module, name), value in zip(COEFFICIENTS, logarithms, strict=True):
            setattr(module, name, math.exp(value))
        off = (abs(math.log(max(1e-9, one.closed_form().rate_rps) / rate)) for one, rate in found)
        return sum(min(1.0, value) for value in off) / len(found)

    start = np.log([getattr(module, name) for module, name in COEFFICIENTS])
    simplex = np.vstack([start, start + 0.5 * np.eye(len(start))])
    best = minimize(loss, start, method="Nelder-Mead", options={"maxfev": tries, "initial_simplex": simplex})
    loss(best.x)
    return ", ".join(f"{name} {getattr(module, name):.2f}" for module, name in COEFFICIENTS)


def _lognormal(
    random: np.random.Generator, mean: float, cv: float, count: int
) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    sigma = math.sqrt(math.log1p(cv**2))
    return np.maximum(1, np.round(mean * np.exp(random.normal(-(sigma**2) / 2, sigma, count)))).astype(np.int32)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=120)
    parser.add_argument("--first", type=int, default=0, help="seed of the first case")
    parser.add_argument("--seconds", type=float, default=3600.0, help="stop simulating after so long")
    parser.add_argument("--fit", type=int, default=0, help="so many tries to find better coefficients")
    given = parser.parse_args()
    began_s, found = time.monotonic(), []
    for seed in range(given.first, given.first + given.cases):
        one = case(seed)
        found.append((one, one.simulated()))
        if time.monotonic() - began_s > given.seconds:
            break
    if given.fit:
        print(fitted(found[::2], given.fit))
        found = found[1::2]
    for line in report(found):
        print(line)


if __name__ == "__main__":
    main()
