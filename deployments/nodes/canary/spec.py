"""What a canary's section says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from hashlib import blake2b
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import InitErrorDetails

from deployments.canary import Gates, Rule
from deployments.graph.capability import Need
from deployments.graph.kind import KindSpec
from deployments.nodes.shadow.spec import Compare, ShadowSpec
from deployments.nodes.split.key import Sticky
from deployments.quantities import Seconds, Share, share
from deployments.strict import Loc, Strict, fail, not_empty, problem

SHADOW: Literal["shadow"] = "shadow"
# Where n requests bring no failure, a share of 3 / n is ruled out at 95 % (the rule of three): with less than this for
# n times the share allowed, a candidate that fails ten times as often would likely pass for a good one.
_TELLING = 0.3


def _stage(value: Any) -> Any:
    return value if value == SHADOW else share(value)


Stage = Annotated[Literal["shadow"] | float, BeforeValidator(_stage)]


class ErrorGate(Strict):
    """The share of answers that may fail, and by how much it may exceed that of the one in place.

    No ``at_most`` but 0 may be so little that ``min_requests`` cannot tell it from ten times as much.
    """

    at_most: Share | None = None
    worse_by: Share | None = None


class TtftGate(Strict):
    """The 95th percentile of the time to first token, and by which part it may exceed that of the one in place.

    Times are known by the buckets of ``LATENCY_BOUNDS_S``: what may lie within the limit does.
    """

    at_most: Seconds | None = Field(default=None, gt=0)
    worse_by: Share | None = None


class QualityGate(Strict):
    """The mean agreement of mirrored answers with those that clients got."""

    at_least: Share


class GatesSpec(Strict):
    """What the candidate must keep to in every stage."""

    error_rate: ErrorGate = ErrorGate(at_most=0.01)
    ttft_p95: TtftGate = TtftGate()
    quality: QualityGate | None = None


class MirrorSpec(Strict):
    """How requests that the candidate does not answer are mirrored to it, as in a ``shadow``."""

    share: Share = 0.1
    compare: Compare = "exact"
    embedder: str | None = Field(default=None, min_length=1)
    judge: str | None = Field(default=None, min_length=1)
    at_once: int = Field(default=8, ge=1, le=128)
    timeout: Seconds = Field(default=60.0, gt=0)


class CanarySpec(KindSpec):
    """Who answers, and a candidate that takes over stage by stage while it passes its gates."""

    canary: str = Field(min_length=1)
    to: str = Field(min_length=1)
    stages: Annotated[tuple[Stage, ...], AfterValidator(not_empty)] = (SHADOW, 0.01, 0.1, 0.5, 1.0)
    hold_each: Seconds = 600.0
    min_requests: int = Field(default=50, ge=1, le=10**6)
    gates: GatesSpec = GatesSpec()
    mirror: MirrorSpec = MirrorSpec()
    sticky: Sticky = "request"
    held: bool = False

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        fail("canary", self._contradictions())
        self.shadow()
        return self

    def _contradictions(self) -> Iterator[InitErrorDetails]:
        if self.to == self.canary:
            yield problem(("to",), "same", "is the one that answers already; name a candidate", self.to)
        shares = self.shares()
        for at in range(1, len(shares)):
            if shares[at] <= shares[at - 1]:
                yield problem(("stages", at), "not_more", "is no more than the stage before it", self.stages[at])
        if 0.0 in self.stages:
            yield problem(("stages", self.stages.index(0.0)), "nothing", "is nothing; write shadow", 0.0)
        compared = self.gates.error_rate.worse_by is not None or self.gates.ttft_p95.worse_by is not None
        if compared and shares[0] == 1:
            told = f"compares with {self.canary}, which answers nothing at 100%; begin with a smaller stage"
            yield problem(("gates",), "nothing_to_compare", told, None)
        if self.gates.quality is not None and (shares[0] == 1 or not self.mirror.share):
            told = "judges mirrored answers, and none is mirrored; begin with a smaller stage and a mirror.share"
            yield problem(("gates", "quality"), "nothing_mirrored", told, None)
        if (most := self.gates.error_rate.at_most) and (most * self.min_requests < _TELLING):
            yield problem(("gates", "error_rate", "at_most"), "too_few_requests", self._untold(most), most)
        if shares[0] == 0 and not self.mirror.share:
            yield problem(("mirror", "share"), "nothing_mirrored", "is 0, so the shadow stage would never end", 0)

    def _untold(self, most: float) -> str:
        few, enough = self.min_requests, _TELLING / self.min_requests
        return (
            f"is so little that min_requests ({few}) could not tell it from ten times as much; set min_requests to "
            f"{math.ceil(_TELLING / most)} or more, or gates.error_rate.at_most to {math.ceil(1000 * enough) / 10:g}% "
            "or more"
        )

    def shares(self) -> tuple[float, ...]:
        """Return the candidate's share of each stage."""
        return tuple(0.0 if stage == SHADOW else float(stage) for stage in self.stages)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return who answers, the candidate, and who compares."""
        asked = ((field, getattr(self.mirror, field)) for field in ("embedder", "judge"))
        helpers: list[tuple[Loc, str]] = [(("mirror", field), name) for field, name in asked if name is not None]
        return [(("canary",), self.canary), (("to",), self.to), *helpers]

    def answering(self) -> list[str]:
        """Return both; in time each of them answers."""
        return [self.canary, self.to]

    def needs(self) -> list[Need]:
        """Return what is compared, and what it takes."""
        wanted = [Need(self.canary, "text", ("canary",)), Need(self.to, "text", ("to",))]
        wanted += [Need(self.mirror.judge, "text", ("mirror", "judge"))] if self.mirror.judge else []
        embedder = self.mirror.embedder
        return [*wanted, *([Need(embedder, "vectors", ("mirror", "embedder"))] if embedder else [])]

    def shadow(self) -> ShadowSpec:
        """Return the section of a shadow that mirrors as this does."""
        return ShadowSpec(shadow=self.canary, to=self.to, **self.mirror.model_dump())

    def rule(self) -> Rule:
        """Return by what the fleet controller decides."""
        gates = self.gates
        return Rule(
            stages=self.shares(),
            hold_each_s=self.hold_each,
            min_requests=self.min_requests,
            gates=Gates(
                errors_at_most=gates.error_rate.at_most,
                errors_worse_by=gates.error_rate.worse_by,
                ttft_at_most_s=gates.ttft_p95.at_most,
                ttft_worse_by=gates.ttft_p95.worse_by,
                quality_at_least=gates.quality.at_least if gates.quality is not None else None,
            ),
            held=self.held,
        )

    def id(self, node: str) -> str:
        """Return what the canary of this section is known by; to hold it in the configuration begins nothing anew."""
        told = json.dumps(self.model_dump(mode="json", exclude={"held"}), sort_keys=True)
        return f"{node}@{blake2b(told.encode(), digest_size=6).hexdigest()}"
