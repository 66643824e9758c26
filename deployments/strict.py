"""The base of every configured section: immutable, and it knows all its keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from difflib import get_close_matches
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Loc = tuple[str | int, ...]
Items = TypeVar("Items", bound=Sized)


class Strict(BaseModel):
    """A section that refuses unknown keys and names the nearest known one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _name_nearest_keys(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            keys = [field.alias or name for name, field in cls.model_fields.items()]
            raise ValidationError.from_exception_data(
                cls.__name__, [_reworded(line, keys) for line in error.errors(include_url=False)]
            ) from None


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known words there are, the likeliest first."""
    listed = sorted(known)
    close = get_close_matches(word, listed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}known: {', '.join(listed) or 'none'}"


def problem(
    loc: Loc, kind: str, message: str, value: Any, details: Mapping[str, Any] | None = None
) -> InitErrorDetails:
    """Return one line of a ValidationError, placed at *loc* below the section that raises it."""
    told = PydanticCustomError(kind, "{message}", {**(details or {}), "message": message})
    return InitErrorDetails(type=told, loc=loc, input=value)


def not_empty(value: Items) -> Items:
    """Refuse an empty collection.

    A length bound on a tuple also counts the entries that were refused, and so reports a second, false problem.
    """
    if not value:
        raise PydanticCustomError("empty", "is empty; write at least one entry")
    return value


def fail(title: str, lines: Iterable[InitErrorDetails]) -> None:
    """Raise a ValidationError of *lines*, if there are any."""
    found = list(lines)
    if found:
        raise ValidationError.from_exception_data(title, found)


def _reworded(line: ErrorDetails, keys: list[str]) -> InitErrorDetails:
    loc, value = line["loc"], line["input"]
    if line["type"] == "extra_forbidden" and len(loc) == 1:
        return problem(loc, "unknown_key", f"is not a known key; {nearest(str(loc[0]), keys)}", value)
    return problem(loc, line["type"], line["msg"], value, line.get("ctx"))
