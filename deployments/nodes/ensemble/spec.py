"""What an ensemble's section says: who answers at once, and how one answer is made of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import InitErrorDetails

from deployments.graph.capability import Need
from deployments.graph.kind import KindSpec
from deployments.quantities import Seconds
from deployments.strict import Loc, fail, not_empty, problem


class EnsembleSpec(KindSpec):
    """Targets that answer at once; one may be named several times, to be asked as often.

    ``judge`` scores the answers and the best is given; ``vote`` gives the one that most agree on; with ``merge`` the
    node ``merger`` writes an answer out of theirs. Choosing begins when ``quorum`` have answered, all of them where
    none is set, and no later than ``wait`` after the first answer. A judge has ``judge_wait`` for each score.
    """

    ensemble: Annotated[tuple[str, ...], AfterValidator(not_empty)]
    choose: Literal["judge", "vote", "merge"]
    judge: str | None = Field(default=None, min_length=1)
    merger: str | None = Field(default=None, min_length=1)
    quorum: int | None = Field(default=None, ge=1)
    wait: Seconds | None = Field(default=None, gt=0)
    judge_wait: Seconds = Field(default=10.0, gt=0)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        fail("ensemble", self._misfits())
        return self

    def _misfits(self) -> Iterator[InitErrorDetails]:
        if len(self.ensemble) == 1:
            rule = "has one target, so there is nothing to choose from; name at least two"
            yield problem(("ensemble",), "one_target", rule, self.ensemble)
        if self.quorum is not None and self.quorum > len(self.ensemble):
            rule = f"is more than the {len(self.ensemble)} targets; write at most {len(self.ensemble)}"
            yield problem(("quorum",), "too_many", rule, self.quorum)
        for way, helper, name in (("judge", self.judge, "judge"), ("merge", self.merger, "merger")):
            if self.choose == way and helper is None:
                rule = f"is {way}, which needs a node: write {name}"
                yield problem(("choose",), "no_helper", rule, self.choose)
            if self.choose != way and helper is not None:
                rule = f"has no part in choose: {self.choose}; take it out, or write choose: {way}"
                yield problem((name,), "idle", rule, helper)

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the targets, then who judges or merges."""
        answering: list[tuple[Loc, str]] = [(("ensemble", at), name) for at, name in enumerate(self.ensemble)]
        helpers: tuple[tuple[str, str | None], ...] = (("judge", self.judge), ("merger", self.merger))
        return [*answering, *(((field,), name) for field, name in helpers if name is not None)]

    def answering(self) -> list[str]:
        """Return the targets, and whoever merges their answers."""
        return list(dict.fromkeys((*self.ensemble, *([self.merger] if self.merger is not None else []))))

    def needs(self) -> list[Need]:
        """Need words of whoever judges or merges."""
        return [Need(name, "text", loc) for loc, name in self.targets() if loc[0] != "ensemble"]
