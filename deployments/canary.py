"""What gateways and the fleet controller tell each other of a canary: its rule, what was counted, and its stage.

A canary is known by its ``id``, made of its node's name and its section of the configuration, so that a changed section
begins anew and two gateways with different configurations never speak of the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from deployments.signals import Histogram, since

Status = Literal["running", "promoted", "rolled_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What a candidate must keep to; None is no gate.

    ``worse_by`` compares with the one that it is to replace: absolutely for the share of errors, relatively for the
    time to first token. Quality is the mean agreement of mirrored answers, in [0, 1].
    """

    errors_at_most: float | None = None
    errors_worse_by: float | None = None
    ttft_at_most_s: float | None = None
    ttft_worse_by: float | None = None
    quality_at_least: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How a canary goes on: the candidate's share of each stage, 0 for one that is only mirrored to."""

    stages: tuple[float, ...]
    hold_each_s: float
    min_requests: int
    gates: Gates = Gates()
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCounts:
    """How the answers of one arm ended; those that the client left or got wrong are not counted."""

    ok: int = 0
    failed: int = 0
    ttft: Histogram = field(default_factory=Histogram)

    @property
    def requests(self) -> int:
        """Return how many there were."""
        return self.ok + self.failed

    def plus(self, other: ArmCounts) -> ArmCounts:
        """Return both together."""
        both = zip(self.ttft.counts, other.ttft.counts, strict=True)
        ttft = Histogram(
            counts=tuple(one + more for one, more in both),
            total=self.ttft.total + other.ttft.total,
            sum_s=self.ttft.sum_s + other.ttft.sum_s,
        )
        return ArmCounts(ok=self.ok + other.ok, failed=self.failed + other.failed, ttft=ttft)

    def minus(self, older: ArmCounts) -> ArmCounts:
        """Return what came after *older*."""
        ttft = since(self.ttft, older.ttft)
        return ArmCounts(ok=self.ok - older.ok, failed=self.failed - older.failed, ttft=ttft)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was counted of a canary: who was answered by whom, and the candidate's answers to mirrored requests.

    ``agreement`` is the sum over the ``judged`` ones among them.
    """

    base: ArmCounts = ArmCounts()
    candidate: ArmCounts = ArmCounts()
    mirrored: ArmCounts = ArmCounts()
    judged: int = 0
    agreement: float = 0.0

    def plus(self, other: Counts) -> Counts:
        """Return both together."""
        return Counts(
            base=self.base.plus(other.base),
            candidate=self.candidate.plus(other.candidate),
            mirrored=self.mirrored.plus(other.mirrored),
            judged=self.judged + other.judged,
            agreement=self.agreement + other.agreement,
        )

    def minus(self, older: Counts) -> Counts:
        """Return what came after *older*; all of it where a process has begun to count again in between."""
        if self._totals() < older._totals():
            return self
        return Counts(
            base=self.base.minus(older.base),
            candidate=self.candidate.minus(older.candidate),
            mirrored=self.mirrored.minus(older.mirrored),
            judged=self.judged - older.judged,
            agreement=self.agreement - older.agreement,
        )

    def _totals(self) -> int:
        return self.base.requests + self.candidate.requests + self.mirrored.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryReport:
    """What one gateway says of one canary: the counts since its process began."""

    id: str
    node: str
    rule: Rule
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStage:
    """What every gateway is to do: the candidate's share of the requests, and whether to mirror the others.

    ``index`` is the stage's place, from 0; -1 where the canary was rolled back. ``steps`` counts the changes so far.
    """

    node: str
    share: float
    mirrors: bool
    index: int
    status: Status
    steps: int


def stage_of(node: str, stages: Sequence[float], index: int, status: Status, steps: int) -> CanaryStage:
    """Return what gateways are to do in a stage."""
    if status == "rolled_back":
        return CanaryStage(node=node, share=0.0, mirrors=False, index=-1, status=status, steps=steps)
    running = status == "running"
    return CanaryStage(node=node, share=stages[index], mirrors=running, index=index, status=status, steps=steps)
