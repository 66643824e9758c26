"""How a redaction is configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

from pydantic import Field, model_validator

from deployments.graph.capability import Capabilities, Need
from deployments.graph.kind import KindSpec
from deployments.pii.entities import EVERY, Entities
from deployments.quantities import Seconds
from deployments.strict import Loc, Strict

Action = Literal["mask", "block", "flag"]


class NamesSpec(Strict):
    """People's names: *model*, a pool of this cluster, is asked which there are in the texts of each request.

    What it tells is masked, blocked or flagged like the rest, wherever it stands in the request exactly so. Texts of
    more than *piece* characters are read in pieces, each of which has to fit the model's context: Chinese may take up
    to three tokens a character. Where there is no answer *within* that time, or none of use, or there are more than
    *longest* characters, the request is refused, or may ``pass`` with the names in it.
    """

    model: str = Field(min_length=1)
    within: Seconds = Field(default=10.0, gt=0)
    otherwise: Literal["refuse", "pass"] = "refuse"
    piece: int = Field(default=2000, ge=200, le=100_000, strict=True)
    longest: int = Field(default=32_000, ge=1, le=100_000, strict=True)


class RedactSpec(KindSpec):
    """Who answers, in which direction personal data is looked for, which kinds of it, and what is done.

    On the way in ``mask`` puts placeholders before the model and the originals into its answer; on the way out it
    leaves out what the model says by itself. Both are two nodes, one leading to the other. ``names`` are looked for on
    the way in only: those that a model says by itself go out.
    """

    redact: str = Field(min_length=1)
    direction: Literal["input", "output"] = "input"
    entities: Entities = EVERY
    action: Action = "mask"
    names: NamesSpec | None = None

    @model_validator(mode="after")
    def _names_on_the_way_in(self) -> Self:
        if self.names is not None and self.direction == "output":
            raise ValueError("names: are looked for in requests only; leave it out, or write direction: input")
        return self

    @property
    def rewrites(self) -> bool:
        """Say whether answers may be changed."""
        return self.action == "mask"

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one that answers, then whoever is asked for names."""
        helper: list[tuple[Loc, str]] = [] if self.names is None else [(("names", "model"), self.names.model)]
        return [(("redact",), self.redact), *helper]

    def answering(self) -> list[str]:
        """Return the one that answers."""
        return [self.redact]

    def needs(self) -> list[Need]:
        """Need words of whoever is asked for names."""
        if self.names is None:
            return []
        return [Need(self.names.model, what, ("names", "model")) for what in ("chat", "text")]

    def gives(self, given: Callable[[str], Capabilities]) -> Capabilities:
        """Return what the target gives; a text that may be changed is no longer that of its tokens."""
        return super().gives(given) - (frozenset({"ids", "resume"}) if self.rewrites else frozenset())
