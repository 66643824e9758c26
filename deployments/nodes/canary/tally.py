"""What a gateway counts of a canary, and its report of all of them to the fleet controller."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.canary import ArmCounts, CanaryReport, CanaryStage, Counts
from deployments.engines.histogram import LatencyHistogram
from deployments.errors import (
    Invalid,
    Rejected,
    StaysLocal,
    StoreUnavailable,
    TimedOut,
    TooManyRequests,
    Withheld,
    by_code,
)
from deployments.graph.kind import KindSpec
from deployments.nodes.canary.spec import CanarySpec
from deployments.telemetry.records import CANCELLED, OK

# What comes of who asks, or of what is asked: any arm would have come to the same for it.
_THEIR_OWN = (Invalid, StaysLocal, Withheld, TooManyRequests, StoreUnavailable)


class ArmTally:
    """One arm's requests; written on the event loop, read by any thread."""

    def __init__(self) -> None:
        self._ok = self._failed = 0
        self._ttft = LatencyHistogram()

    def ended(self, outcome: str, ttft_s: float | None) -> None:
        """Count one request by its outcome; what is the client's own, or its tenant's, says nothing of the arm."""
        if outcome == OK:
            self._ok += 1
            if ttft_s is not None:
                self._ttft.add(ttft_s)
        elif outcome != CANCELLED and not issubclass(by_code(outcome), _THEIR_OWN):
            self._failed += 1

    def read(self) -> ArmCounts:
        """Return the counts since the process began."""
        return ArmCounts(ok=self._ok, failed=self._failed, ttft=self._ttft.read())


class Tally:
    """One canary's arms, what mirrored requests came to, and the stage that was last heard of."""

    def __init__(self) -> None:
        self.base, self.candidate, self._mirrored = ArmTally(), ArmTally(), ArmTally()
        self._judged, self._agreement = 0, 0.0
        self.stage: CanaryStage | None = None

    def mirrored(self, outcome: str, agreement: float | None) -> None:
        """Count one mirrored request by what its shadow says of it.

        Mirrored requests come last everywhere: that one was turned away or ran out of time says how busy the pool is,
        or that it is still loading, and nothing of the candidate.
        """
        if outcome == "busy" or issubclass(by_code(outcome), Rejected | TimedOut):
            return
        self._mirrored.ended(OK if outcome in {"compared", "unjudged"} else outcome, None)
        if agreement is not None:
            self._judged += 1
            self._agreement += agreement

    def read(self) -> Counts:
        """Return the counts since the process began."""
        return Counts(
            base=self.base.read(),
            candidate=self.candidate.read(),
            mirrored=self._mirrored.read(),
            judged=self._judged,
            agreement=self._agreement,
        )


def tally_name(canary: str) -> str:
    """Return the name by which a gateway remembers the tally of the canary with that id."""
    return f"canary {canary}"


def canary_reports(graph: Mapping[str, KindSpec], memory: Mapping[str, object]) -> tuple[CanaryReport, ...]:
    """Return the report of every canary in *graph*."""
    found = ((name, spec, spec.id(name)) for name, spec in graph.items() if isinstance(spec, CanarySpec))
    return tuple(
        CanaryReport(id=known, node=name, rule=spec.rule(), counts=_read(memory.get(tally_name(known))))
        for name, spec, known in found
    )


def _read(tally: object) -> Counts:
    return tally.read() if isinstance(tally, Tally) else Counts()
