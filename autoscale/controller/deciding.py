"""The policy at work: timed, never below what it cannot see, and with its memory over configurations and restarts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autoscale.capacity.knee_source import KneeSource, analytic
from autoscale.controller.policy_memory import recall, remembered
from autoscale.controller.sighted import Sighted
from autoscale.fleet import Fleet
from autoscale.policies.combinators import Contained
from autoscale.policies.compose import compose
from autoscale.policy import Decision
from autoscale.spec import AutoscaleSpec
from deployments.engines.histogram import LatencyHistogram
from deployments.signals import Histogram

log = logging.getLogger("tercet.autoscale")

SLOW_S = 1.0


@dataclass(slots=True)
class Deciding:
    """One configuration's policy, and where it has knees from; ``stopwatch`` measures decisions, in seconds."""

    spec: AutoscaleSpec
    stopwatch: Callable[[], float] = time.perf_counter
    knees: KneeSource = analytic
    _policy: Contained = field(init=False)
    _seconds: LatencyHistogram = field(default_factory=LatencyHistogram)

    def __post_init__(self) -> None:
        self._policy = compose(self.spec, self.knees)

    def configure(self, spec: AutoscaleSpec) -> None:
        """Follow another configuration, with what the policies before remember.

        Raises ValueError where there is no such policy; then nothing has changed.
        """
        if spec != self.spec:
            policy = compose(spec, self.knees)
            recall(policy, self.remembered())
            self.spec, self._policy = spec, policy

    def decide(self, fleet: Fleet) -> Decision:
        """Ask the policy; whatever it says, what is not wholly seen does not get smaller."""
        began_s = self.stopwatch()
        decision = Sighted(self._policy).decide(fleet)
        took_s = self.stopwatch() - began_s
        self._seconds.add(took_s)
        if took_s > SLOW_S:
            log.warning("decision_slow seconds=%.2f pools=%d", took_s, len(fleet.pools))
        return decision

    @property
    def errors(self) -> int:
        """Count how often the policy failed."""
        return self._policy.errors

    def seconds(self) -> Histogram:
        """Return how long decisions took."""
        return self._seconds.read()

    def remembered(self) -> dict[str, Any]:
        """Return what the policies want kept, as plain JSON."""
        return remembered(self._policy)

    def recall(self, kept: Mapping[str, Any]) -> None:
        """Give the policies what an earlier process had kept of them."""
        recall(self._policy, kept)
