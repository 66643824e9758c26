"""The neighbours of a policy's options: what a search for better ones may try."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

_FACTORS = (0.5, 0.7, 0.85, 1.2, 1.5, 2.0)
_FEW = 8
_NEARLY_ALL = 0.9
_DIGITS = 4

Path = tuple[str, ...]
Options = TypeVar("Options", bound=BaseModel)


def knobs(options: BaseModel) -> Iterator[Path]:
    """Yield where in *options* there are numbers, those in sections and policies inside it included."""
    for name in type(options).model_fields:
        value = getattr(options, name)
        if isinstance(value, BaseModel):
            yield from ((name, *path) for path in knobs(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (name,)


def neighbours(options: Options, path: Path) -> Iterator[Options]:
    """Yield *options* with the number at *path* smaller and larger, as far as its checks allow."""
    value = _at(options, path)
    seen = {value}
    for other in _others(value):
        if other not in seen and (changed := _changed(options, path, other)) is not None:
            seen.add(other)
            yield changed


def told(options: BaseModel, path: Path) -> str:
    """Return a number and where it stands, such as ``hold.down 300``."""
    return f"{'.'.join(path)} {_at(options, path):g}"


def _others(value: float) -> Iterator[float]:
    if isinstance(value, int):
        steps = (value - 1, value + 1) if value < _FEW else (round(value * factor) for factor in _FACTORS)
        yield from steps
        return
    if value == 0:
        yield from (30.0, 60.0, 300.0)
    if _NEARLY_ALL <= value < 1:  # it is the rest that matters of a share such as 0.999
        yield from (float(f"{1 - (1 - value) * factor:.6g}") for factor in (0.1, 0.3, 0.5, 2.0, 3.0))
        return
    yield from (float(f"{value * factor:.{_DIGITS}g}") for factor in _FACTORS)


def _at(options: Any, path: Path) -> Any:
    for name in path:
        options = getattr(options, name)
    return options


def _changed(options: Options, path: Path, value: float) -> Options | None:
    """Validate anew; None where the options' own checks refuse the number."""
    name, *rest = path
    inner: Any = _changed(getattr(options, name), tuple(rest), value) if rest else value
    if inner is None:
        return None
    fields = {one: getattr(options, one) for one in options.model_fields_set} | {name: inner}
    known = type(options).model_fields
    try:
        return type(options).model_validate({known[one].alias or one: value for one, value in fields.items()})
    except ValidationError:
        return None
