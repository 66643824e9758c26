"""Replicas whose steps follow a known model, for tests of what is learned from them."""

from __future__ import annotations

from random import Random

from autoscale.capacity.step_model import StepModel
from autoscale.fleet import ReplicaFleet
from deployments.engines.step_sums import StepSums

TRUE = StepModel(base_s=0.02, prefill_token_s=1e-4, prefill_context_s=1e-8, sequence_s=2e-4, kv_token_s=1e-7)


class Stepping:
    """An engine that steps as *model* says, give or take *noise* of each step; prompts come in a fifth of its steps."""

    def __init__(self, model: StepModel = TRUE, *, noise: float = 0.05, seed: int = 0) -> None:
        self.model, self._noise, self._random, self._sums = model, noise, Random(seed), StepSums()

    def run(self, steps: int, *, ratio: float = 1.0, prompts: bool = True) -> None:
        """Take *steps*, each *ratio* times as long as the model says."""
        for _ in range(steps):
            sequences = self._random.randint(1, 40)
            kv = sequences * self._random.uniform(500, 1500)
            prefill = self._random.randint(50, 2000) if prompts and self._random.random() < 0.2 else 0
            context = prefill * self._random.uniform(0, 2000)
            seconds = self.model.seconds(prefill=prefill, prefill_context=context, sequences=sequences, kv=kv)
            factor = max(0.1, 1 + self._random.gauss(0, self._noise)) * ratio
            self._sums.add(factor * seconds, prefill=prefill, prefill_context=context, sequences=sequences, kv=kv)

    def replica(self, name: str = "one") -> ReplicaFleet:
        """Return what a fleet would show of it."""
        return ReplicaFleet(replica=name, stage="ready", since_s=0.0, steps=self._sums.read())
