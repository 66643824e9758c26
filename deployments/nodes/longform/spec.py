"""How a longform node is configured."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from deployments.graph.capability import Need
from deployments.graph.kind import KindSpec
from deployments.nodes.longform.plan import LEAST_SUMMARY, MOST_RATIO
from deployments.strict import Loc, fail, problem


class LongformSpec(KindSpec):
    """Who reads a long text, and how much may be written about it; all sizes are in tokens.

    ``budget`` bounds all that is generated for one request, ``answer`` the answer and its draft. ``part`` is what is
    read at once; ``above`` is the same unless given.

    A node that is asked, such as a cascade, may generate more than it gives. What it took beside its answer goes from
    the budget once it is known: parts are left out for it, or the answer is shortened, so that only calls already under
    way, the answer's own among them, may exceed the budget.
    """

    longform: str = Field(min_length=1)
    summarise: str | None = Field(default=None, min_length=1)
    polish: str | None = Field(default=None, min_length=1)
    summary_ratio: float = Field(default=0.1, gt=0, le=MOST_RATIO)
    budget: int = Field(default=20_000, strict=True, ge=1)
    answer: int = Field(default=1000, strict=True, ge=1)
    part: int = Field(default=2000, strict=True, ge=64, le=1_000_000)
    above: int | None = Field(default=None, strict=True, ge=1)
    parallel: int = Field(default=4, strict=True, ge=1, le=64)
    require_all: bool = False

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.writing >= self.budget:
            message = f"{self.budget} tokens leave nothing for summaries beside {self.writing} for writing the answer"
            fail("longform", [problem(("budget",), "too_small", message, self.budget)])
        if self.summary_ratio * self.part < 2 * LEAST_SUMMARY:
            message = (
                f"lets a summary of {self.part} tokens have {int(self.summary_ratio * self.part)}, which says nothing; "
                f"make summary_ratio x part at least {2 * LEAST_SUMMARY}"
            )
            fail("longform", [problem(("summary_ratio",), "too_small", message, self.summary_ratio)])
        return self

    @property
    def threshold(self) -> int:
        """Return how long a text may be to go through as it is."""
        return self.part if self.above is None else self.above

    @property
    def summariser(self) -> str:
        """Return who sums up."""
        return self.summarise or self.longform

    @property
    def writer(self) -> str:
        """Return who writes what the client gets."""
        return self.polish or self.longform

    @property
    def writing(self) -> int:
        """Return the most tokens of an answer with its draft."""
        return self.answer * (2 if self.polish else 1)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the one that answers, then who helps."""
        named = (("longform", self.longform), ("summarise", self.summarise), ("polish", self.polish))
        return [((field,), name) for field, name in named if name is not None]

    def answering(self) -> list[str]:
        """Return who answers short texts, and who writes the answers to long ones."""
        return list(dict.fromkeys((self.longform, self.writer)))

    def needs(self) -> list[Need]:
        """Return that summaries are asked for in a chat."""
        return [Need(self.summariser, "chat", ("summarise",) if self.summarise else ("longform",))]
