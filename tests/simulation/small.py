"""Small engines and traces to build tests on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoscale.capacity.profile import EngineLimits, EngineProfile, StartTimes
from autoscale.capacity.step_model import StepModel
from autoscale.fleet import Fleet, Slo
from autoscale.policy import Decision, PoolDecision
from autoscale.sim.arrivals import Arrivals
from autoscale.sim.scenario import Scenario, SimPool

STEP = StepModel(base_s=0.01, prefill_token_s=1e-4, prefill_context_s=1e-8, sequence_s=3e-4, kv_token_s=2e-7)


def profile(
    *, slots: int = 32, batched: int = 512, kv: int = 16_000, block: int = 16, noise: float = 0.0,
    starts: StartTimes | None = None, step: StepModel = STEP,
) -> EngineProfile:  # fmt: skip
    """Return a small engine."""
    limits = EngineLimits(slots=slots, batched_tokens=batched, kv_tokens=kv, block_tokens=block)
    starts = starts or StartTimes(median_s=20.0, sigma=0.2)
    return EngineProfile(model="small", hardware="cpu", step=step, limits=limits, noise=noise, starts=starts)


def pool(name: str = "chat", **changes: Any) -> SimPool:
    """Return a pool of one small replica."""
    settings: dict[str, Any] = {
        "min_replicas": 1, "max_replicas": 8, "initial_replicas": 1, "profile": profile(),
        "slo": Slo(ttft_p95_s=1.0, tpot_p95_s=0.05),
    }  # fmt: skip
    return SimPool(name=name, **{**settings, **changes})


def scenario(*pools: SimPool, **changes: Any) -> Scenario:
    """Return a scenario of *pools*, or of one pool of one replica."""
    return Scenario(pools=pools or (pool(),), **changes)


def arrivals(
    count: int, rate: float, *, seed: int = 0, prompt: int = 200, output: int = 40, begin_s: float = 0.0
) -> Arrivals:
    """Return Poisson arrivals with lengths around these."""
    random = np.random.default_rng(seed)
    return Arrivals(
        t_s=begin_s + np.cumsum(random.exponential(1 / rate, count)),
        prompt=(1 + random.poisson(prompt, count)).astype(np.int32),
        output=random.geometric(1 / output, count).astype(np.int32),
        cached=np.zeros(count, np.int32),
    )


def chunks(whole: Arrivals, size: int) -> Iterator[Arrivals]:
    """Yield *whole* in parts."""
    for at in range(0, len(whole), size):
        part = slice(at, at + size)
        yield Arrivals(
            t_s=whole.t_s[part], prompt=whole.prompt[part], output=whole.output[part], cached=whole.cached[part]
        )


@dataclass
class Fixed:
    """Ask for the same number always; remember the fleets that were shown."""

    replicas: int = 1
    keep: bool = False

    def __post_init__(self) -> None:
        self.seen: list[Fleet] = []

    def decide(self, fleet: Fleet) -> Decision:
        if self.keep:
            self.seen.append(fleet)
        return Decision(pools={name: PoolDecision(replicas=self.replicas, reason="fixed") for name in fleet.pools})


@dataclass
class Script:
    """Ask for what a list of (from second, replicas) says, and for brown-outs likewise."""

    steps: tuple[tuple[float, int], ...]
    brown_out: tuple[tuple[float, float], ...] = ()

    def decide(self, fleet: Fleet) -> Decision:
        replicas = [value for at_s, value in self.steps if at_s <= fleet.at_s][-1]
        share = [value for at_s, value in ((0.0, 0.0), *self.brown_out) if at_s <= fleet.at_s][-1]
        return Decision(
            pools={name: PoolDecision(replicas=replicas, reason="script") for name in fleet.pools},
            brown_out=dict.fromkeys(fleet.pools, share),
        )
