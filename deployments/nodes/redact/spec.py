"""How a redaction is configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from deployments.graph.capability import Capabilities
from deployments.graph.kind import KindSpec
from deployments.pii.entities import EVERY, Entities
from deployments.strict import Loc

Action = Literal["mask", "block", "flag"]


class RedactSpec(KindSpec):
    """Who answers, in which direction personal data is looked for, which kinds of it, and what is done.

    On the way in ``mask`` puts placeholders before the model and the originals into its answer; on the way out it
    leaves out what the model says by itself. Both are two nodes, one leading to the other.
    """

    redact: str = Field(min_length=1)
    direction: Literal["input", "output"] = "input"
    entities: Entities = EVERY
    action: Action = "mask"

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
