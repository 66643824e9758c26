"""What is written down of a pool while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from autoscale.policy import PoolDecision
from autoscale.sim.kernel import reading
from autoscale.sim.outcome import Decided, Timeline
from autoscale.sim.replica import Replica
from deployments.signals import Stage

_STAGES: tuple[Stage, ...] = ("requested", "loading", "warming", "ready", "draining")


class Ledger:
    """The timeline of a pool, its changes of target, and the decisions that differ from the one before."""

    def __init__(self, target: int) -> None:
        self.decisions: list[Decided] = []
        self.scale_events = self.reversals = 0
        self.moved_requests = self.moved_tokens = 0
        self._rows: list[tuple[float, ...]] = []
        self._target, self._direction = target, 0

    def tick(
        self, at_s: float, target: int, replicas: Sequence[Replica], rows: Sequence[Sequence[float]], held: float,
        brown_out: float,
    ) -> None:  # fmt: skip
        """Write down how the pool is."""
        stages = Counter([replica.stage for replica in replicas])
        running = sum([row[reading.RUNNING] for row in rows])
        waiting = sum([row[reading.WAITING] for row in rows]) + held
        self._rows.append((at_s, target, *[stages[stage] for stage in _STAGES], running, waiting, brown_out))

    def decided(self, at_s: float, decision: PoolDecision) -> None:
        """Write a decision down if its number is new."""
        if self.decisions and self.decisions[-1].replicas == decision.replicas:
            return
        self.decisions.append(
            Decided(
                t_s=at_s,
                replicas=decision.replicas,
                reason=decision.reason,
                binds=decision.binds,
                rejected=decision.rejected,
                numbers=dict(decision.numbers),
            )
        )

    def steered(self, target: int) -> None:
        """Count a new target."""
        direction = (target > self._target) - (target < self._target)
        if direction:
            self.scale_events += 1
            self.reversals += self._direction == -direction
            self._direction, self._target = direction, target

    def timeline(self) -> Timeline:
        """Return all ticks."""
        table: Any = np.array(self._rows, dtype=np.float64).reshape(len(self._rows), -1)
        columns = table.T if len(self._rows) else np.zeros((5 + len(_STAGES), 0))
        names = ("target", *_STAGES, "running", "waiting")
        counts = {name: columns[1 + at].astype(np.int64) for at, name in enumerate(names)}
        return Timeline(t_s=columns[0], brown_out=columns[-1], **counts)
