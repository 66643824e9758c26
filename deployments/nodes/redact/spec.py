"""How a redaction is configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field, field_validator

from deployments.graph.capability import Capabilities
from deployments.graph.kind import KindSpec
from deployments.pii.scanner import KINDS
from deployments.strict import Loc, fail, nearest, not_empty, problem

Action = Literal["mask", "block", "flag"]


class RedactSpec(KindSpec):
    """Who answers, in which direction personal data is looked for, which kinds of it, and what is done.

    On the way in ``mask`` puts placeholders before the model and the originals into its answer; on the way out it
    leaves out what the model says by itself. Both are two nodes, one leading to the other.
    """

    redact: str = Field(min_length=1)
    direction: Literal["input", "output"] = "input"
    entities: tuple[str, ...] = tuple(sorted(KINDS))
    action: Action = "mask"

    @field_validator("entities", mode="after")
    @classmethod
    def _known(cls, entities: tuple[str, ...]) -> tuple[str, ...]:
        fail("entities", [
            problem((at,), "no_such_entity", f"is nothing that is looked for; {nearest(name, KINDS)}", name)
            for at, name in enumerate(entities) if name not in KINDS
        ])  # fmt: skip
        return not_empty(entities)

    @property
    def rewrites(self) -> bool:
        """Say whether answers may be changed."""
        return self.action == "mask"

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one that answers."""
        return [(("redact",), self.redact)]

    def gives(self, given: Callable[[str], Capabilities]) -> Capabilities:
        """Return what the target gives; a text that may be changed is no longer that of its tokens."""
        return super().gives(given) - (frozenset({"ids", "resume"}) if self.rewrites else frozenset())
