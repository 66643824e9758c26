"""The conditions that a switch's case may set on a request; all that are given must hold."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from deployments.graph.tier import Tier
from deployments.hours import Hours, TimeOfDay
from deployments.strict import Strict, not_empty

Task = Literal["code", "math", "translation", "summary", "extraction", "chat"]
Language = Literal["en", "zh", "ja", "ko", "ru", "ar", "hi", "th", "el", "he", "es", "fr", "de", "pt", "it", "other"]
Feature = Literal["images", "tools"]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


Tasks = Annotated[tuple[Task, ...], BeforeValidator(_as_list), AfterValidator(not_empty)]
Languages = Annotated[tuple[Language, ...], BeforeValidator(_as_list), AfterValidator(not_empty)]
Features = Annotated[tuple[Feature, ...], BeforeValidator(_as_list), AfterValidator(not_empty)]
Tiers = Annotated[tuple[Tier, ...], BeforeValidator(_as_list), AfterValidator(not_empty)]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_list), AfterValidator(not_empty)]


class Scores(Strict):
    """A half-open range of scores in [0, 1]."""

    below: float | None = Field(default=None, strict=True, gt=0, le=1)
    at_least: float | None = Field(default=None, strict=True, ge=0, le=1)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        _check_range(self.below, self.at_least)
        return self


class Counts(Strict):
    """A half-open range of counts."""

    below: int | None = Field(default=None, strict=True, gt=0)
    at_least: int | None = Field(default=None, strict=True, ge=0)

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        _check_range(self.below, self.at_least)
        return self


class When(Strict):
    """Conditions on a request. A list means any of its entries, except for ``has``, which means all of them.

    Of the labels in ``score`` each must have a score in its range.
    """

    task: Tasks | None = None
    score: Annotated[dict[str, Scores], AfterValidator(not_empty)] | None = None
    complexity: Scores | None = None
    prompt_tokens: Counts | None = None
    language: Languages | None = None
    has: Features | None = None
    tier: Tiers | None = None
    tenant: Words | None = None
    header: dict[str, Words] | None = None
    time_of_day: TimeOfDay | None = None
    hours: Hours | None = None

    @field_validator("header", mode="after")
    @classmethod
    def _lower_names(cls, value: dict[str, tuple[str, ...]] | None) -> dict[str, tuple[str, ...]] | None:
        return {name.lower(): wanted for name, wanted in value.items()} if value is not None else None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.given():
            raise ValueError("has no condition; leave 'when' out for the case that always matches")
        return self

    def given(self) -> dict[str, Any]:
        """Return the conditions that are set, by name."""
        return {name: value for name in When.model_fields if (value := getattr(self, name)) not in (None, {})}


def _check_range(below: float | None, at_least: float | None) -> None:
    if below is None and at_least is None:
        raise ValueError("has neither 'below' nor 'at_least'")
    if below is not None and at_least is not None and at_least >= below:
        raise ValueError(f"is empty: at_least ({at_least}) is not less than below ({below})")
