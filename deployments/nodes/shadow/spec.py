"""What a shadow's section says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import InitErrorDetails

from deployments.graph.capability import Need
from deployments.graph.kind import KindSpec
from deployments.quantities import Seconds, Share
from deployments.strict import Loc, fail, problem
from deployments.telemetry.records import Keep

Compare = Literal["exact", "embedding", "judge"]
_ASKS = {"embedding": "embedder", "judge": "judge"}


class ShadowSpec(KindSpec):
    """Who answers, and a candidate that is sent a ``share`` of the same requests when they have been answered.

    Both answers are compared and kept as records. At most ``at_once`` requests are mirrored at a time, each within
    ``timeout`` seconds, the comparison included; those beyond are not mirrored.
    """

    shadow: str = Field(min_length=1)
    to: str = Field(min_length=1)
    share: Share = 0.05
    compare: Compare = "exact"
    embedder: str | None = Field(default=None, min_length=1)
    judge: str | None = Field(default=None, min_length=1)
    at_once: int = Field(default=8, ge=1, le=128)
    timeout: Seconds = Field(default=60.0, gt=0)
    text: bool = False
    keep: Keep = Keep()

    @model_validator(mode="after")
    def _has_whom_to_ask(self) -> Self:
        fail("shadow", self._contradictions())
        return self

    def _contradictions(self) -> Iterator[InitErrorDetails]:
        if self.to == self.shadow:
            yield problem(("to",), "same", "is the one that answers already; name a candidate", self.to)
        for way, field in _ASKS.items():
            named = getattr(self, field)
            if self.compare == way and named is None:
                yield problem((field,), "missing", f"is required by compare: {way}; name the node to ask", None)
            if self.compare != way and named is not None:
                yield problem((field,), "unused", f"is asked only with compare: {way}; leave it out", named)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return who answers, the candidate, and who compares."""
        named = ((field, getattr(self, field)) for field in ("shadow", "to", "embedder", "judge"))
        return [((field,), name) for field, name in named if name is not None]

    def answering(self) -> list[str]:
        """Return the one that clients are answered by."""
        return [self.shadow]

    def needs(self) -> list[Need]:
        """Return what is compared, and what it takes."""
        wanted = [Need(self.shadow, "text", ("shadow",)), Need(self.to, "text", ("to",))]
        wanted += [Need(self.judge, "text", ("judge",))] if self.judge else []
        return [*wanted, *([Need(self.embedder, "vectors", ("embedder",))] if self.embedder else [])]
