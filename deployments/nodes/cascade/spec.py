"""What a cascade's section says: its stages, and what the answer of each must be like to be good enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator
from pydantic_core import InitErrorDetails

from deployments.graph.capability import Need
from deployments.graph.kind import KindSpec
from deployments.quantities import Seconds
from deployments.strict import Loc, Strict, fail, not_empty, problem

SURENESS = ("mean_logprob", "margin")


class JudgeRule(Strict):
    """A node that scores the whole answer in [0, 1]; ``unsure`` is what follows where it gives no score in time."""

    by: str = Field(min_length=1)
    at_least: float = Field(ge=0, le=1)
    wait: Seconds = Field(default=10.0, gt=0)
    unsure: Literal["escalate", "accept"] = "escalate"


class Accept(Strict):
    """What an answer must be like; all that is set must hold.

    ``mean_logprob`` and ``margin`` are the least means over the first ``after`` tokens of a stream, and over all tokens
    of an answer that comes whole: of the tokens' log-probabilities, and of the distance from the most likely token's to
    the second's. With ``refusal: false`` an answer must not refuse, with ``schema: true`` it must meet the schema that
    the request asks for, if any.
    """

    model_config = ConfigDict(populate_by_name=False)

    mean_logprob: float | None = Field(default=None, le=0)
    margin: float | None = Field(default=None, ge=0)
    after: int = Field(default=32, ge=1)
    min_tokens: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    refusal: bool = Field(default=True, strict=True)
    meets_schema: bool = Field(default=False, strict=True, alias="schema")
    judge: JudgeRule | None = None

    @model_validator(mode="after")
    def _judges_something(self) -> Self:
        fail("accept", self._contradictions())
        return self

    def _contradictions(self) -> Iterator[InitErrorDetails]:
        if not self.criteria():
            known = "mean_logprob, margin, min_tokens, max_tokens, refusal: false, schema: true, judge"
            yield problem((), "accepts_all", f"turns no answer away; write at least one of {known}", None)
        if self.min_tokens and self.max_tokens and self.max_tokens < self.min_tokens:
            rule = f"is less than min_tokens ({self.min_tokens})"
            yield problem(("max_tokens",), "out_of_order", rule, self.max_tokens)

    def criteria(self) -> list[str]:
        """Return the names of what is judged, as they are written."""
        given = [name for name in (*SURENESS, "min_tokens", "max_tokens") if getattr(self, name) is not None]
        flags = {"refusal": not self.refusal, "schema": self.meets_schema, "judge": self.judge is not None}
        return [*given, *(name for name, judged in flags.items() if judged)]

    def sureness(self) -> list[str]:
        """Return which of the criteria are about the tokens' probabilities."""
        return [name for name in SURENESS if getattr(self, name) is not None]


class Stage(Strict):
    """One target; the answer of one without ``accept`` is good enough whatever it is."""

    to: str = Field(min_length=1)
    accept: Accept | None = None


class CascadeSpec(KindSpec):
    """Targets from the cheapest to the best."""

    cascade: Annotated[tuple[Stage, ...], AfterValidator(not_empty)]

    @field_validator("cascade", mode="after")
    @classmethod
    def _every_stage_is_reached(cls, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        fail("cascade", _misplaced(stages))
        return stages

    def targets(self) -> list[tuple[Loc, str]]:
        """Return the stages' targets, then the judges."""
        answering = [(("cascade", at, "to"), stage.to) for at, stage in enumerate(self.cascade)]
        return [*answering, *((loc, judge.by) for loc, judge in self._judges())]

    def answering(self) -> list[str]:
        """Return the stages' targets."""
        return [stage.to for stage in self.cascade]

    def needs(self) -> list[Need]:
        """Need probabilities of whoever is judged by them, and text of the judges."""
        sure = [
            Need(stage.to, "logprobs", ("cascade", at, "accept", name))
            for at, stage in enumerate(self.cascade)
            for name in (stage.accept.sureness() if stage.accept else ())
        ]
        return [*sure, *(Need(judge.by, "text", loc) for loc, judge in self._judges())]

    def _judges(self) -> list[tuple[Loc, JudgeRule]]:
        return [
            (("cascade", at, "accept", "judge", "by"), stage.accept.judge)
            for at, stage in enumerate(self.cascade)
            if stage.accept is not None and stage.accept.judge is not None
        ]


def _misplaced(stages: tuple[Stage, ...]) -> Iterator[InitErrorDetails]:
    last = len(stages) - 1
    names: list[Any] = [stage.to for stage in stages]
    for at, stage in enumerate(stages):
        if stage.to in names[:at]:
            yield problem((at, "to"), "repeated", "is already an earlier stage of this cascade", stage.to)
        if stage.accept is None and at < last:
            way_out = "write accept, or use a fallback if only failures are to lead on"
            yield problem((at,), "never_left", f"accepts every answer, so no later stage answers; {way_out}", stage.to)
    if stages[last].accept is not None:
        rule = "has nobody to escalate to; end the cascade with a stage that has only 'to'"
        yield problem((last, "accept"), "no_last", rule, stages[last].to)
