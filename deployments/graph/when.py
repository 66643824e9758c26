"""The conditions that a switch's case may set on a request; all that are given must hold."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_serializer, field_validator, model_validator

from deployments.strict import Strict, not_empty

Task = Literal["code", "math", "translation", "summary", "extraction", "chat"]
Language = Literal["en", "zh", "ja", "ko", "ru", "ar", "hi", "th", "el", "he", "es", "fr", "de", "pt", "it", "other"]
Feature = Literal["images", "tools"]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


def _clock_time(value: Any) -> Any:
    """Read ``22:00``; YAML 1.1 turns an unquoted 22:00 into 1320, which is the same moment in minutes."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        return time(value // 60, value % 60)
    try:
        return value if isinstance(value, time) else datetime.strptime(value, "%H:%M").time()
    except (TypeError, ValueError):
        raise ValueError("is not a time of day such as 22:00") from None


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone such as UTC or Asia/Shanghai") from None
    return value


Tasks = Annotated[tuple[Task, ...], BeforeValidator(_as_list), AfterValidator(not_empty)]
Languages = Annotated[tuple[Language, ...], BeforeValidator(_as_list), AfterValidator(not_empty)]
Features = Annotated[tuple[Feature, ...], BeforeValidator(_as_list), AfterValidator(not_empty)]
Words = Annotated[tuple[str, ...], BeforeValidator(_as_list), AfterValidator(not_empty)]
ClockTime = Annotated[time, BeforeValidator(_clock_time)]
Timezone = Annotated[str, AfterValidator(_timezone)]


class Scores(Strict):
    """A half-open range of complexity scores in [0, 1]."""

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


class TimeOfDay(Strict):
    """Hours of the day, ``from`` included and ``to`` not; they may span midnight."""

    start: ClockTime = Field(alias="from")
    end: ClockTime = Field(alias="to")
    timezone: Timezone = "UTC"

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("from and to are the same time, which no moment falls between")
        return self

    @field_serializer("start", "end")
    def _short(self, value: time) -> str:
        return value.isoformat("minutes")


class When(Strict):
    """Conditions on a request. A list means any of its entries, except for ``has``, which means all of them."""

    task: Tasks | None = None
    complexity: Scores | None = None
    prompt_tokens: Counts | None = None
    language: Languages | None = None
    has: Features | None = None
    tenant: Words | None = None
    header: dict[str, Words] | None = None
    time_of_day: TimeOfDay | None = None

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
