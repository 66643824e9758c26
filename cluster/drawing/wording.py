"""What a drawing says of a graph node: its options, and on each edge why a request would take it.

Read from the section itself, whatever its kind: an edge's label is what stands beside its target.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from deployments.graph.compile import kind_of
from deployments.graph.kind import KindSpec
from deployments.hours import Hours, written
from deployments.quantities import seconds, share, size_bytes
from deployments.strict import Loc

_MINUTE_S, _HOUR_S = 60, 3600
_OTHERWISE = "otherwise"
_BROWN_OUT = "brown-out"


def options(spec: KindSpec) -> list[str]:
    """Return what is configured apart from targets and defaults, one option a line."""
    return list(_options(spec, (), without={str(loc[0]) for loc, _ in spec.targets()}))


def label(spec: KindSpec, loc: Loc) -> str:
    """Say why a request goes to the target at *loc*; nothing where there is no choice."""
    kind, section = kind_of(spec), spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    if len(loc) == 1 or (loc[-1] == "model" and loc[0] != kind):
        return "" if loc[0] == kind else _role(spec, str(loc[0]))
    if kind == _BROWN_OUT:
        return "in a brown-out"
    entries, at = section.get(str(loc[0])), loc[1]
    if isinstance(entries, Mapping):
        return _weight(entries, str(at))
    if not isinstance(entries, Sequence) or not isinstance(at, int):
        return _named(loc)
    if not isinstance(entries[at], Mapping):
        return _place(spec, at) if len(entries) > 1 else ""
    return _case(entries[at], _place(spec, at)) if len(loc) <= _CASE else _named(loc)


_CASE = 3  # a list's name, a number, the key of the target
_IN_ORDER = frozenset({"switch", "fallback", "cascade", "hedge"})


def _role(spec: KindSpec, field: str) -> str:
    """Say what a target beside the first is for; how much it gets, where a share of the requests goes there."""
    part, stages = getattr(spec, "share", None), getattr(spec, "stages", None)
    if field == "to" and stages is not None:
        return " → ".join(f"{100 * one:.3g}%" if isinstance(one, int | float) else str(one) for one in stages)
    if field == "to" and part is not None:
        return f"mirrors {100 * part:.3g}%"
    return field.replace("_", " ")


def _named(loc: Loc) -> str:
    """Say the name of the rule that leads somewhere: the last that is neither a number nor the key of the target."""
    return next((str(part).replace("_", " ") for part in reversed(loc[:-1]) if isinstance(part, str)), str(loc[-1]))


def _case(entry: Mapping[str, Any], place: str) -> str:
    beside = {key: value for key, value in entry.items() if key != "to"}
    if not beside:
        return _OTHERWISE
    told = "; ".join(
        _conditions(value) if key == "when" else f"{key}: {_plain(value)}" for key, value in beside.items()
    )
    return f"{place} {told}".strip()


def _place(spec: KindSpec, at: int) -> str:
    """Number the targets that are tried one after the other; those asked at once have no order."""
    if kind_of(spec) not in _IN_ORDER:
        return ""
    after = getattr(spec, "after", None) if at else None
    if after is None:
        return f"{at + 1}."
    return f"{at + 1}. after {duration(after) if isinstance(after, int | float) else after}"


def _weight(entries: Mapping[str, Any], name: str) -> str:
    value = entries.get(name)
    weights = [float(weight) for weight in entries.values() if isinstance(weight, int | float)]
    total = sum(weights)
    if isinstance(value, int | float) and len(weights) == len(entries) and total:
        return f"{100 * value / total:.3g}%"
    return _plain(value) if isinstance(value, Mapping) else name


def _conditions(when: Mapping[str, Any]) -> str:
    return "; ".join(_condition(name, value) for name, value in when.items())


def _condition(name: str, value: Any) -> str:
    plain = name.replace("_", " ")
    if isinstance(value, Mapping) and value.keys() <= {"below", "at_least"}:
        low, high = value.get("at_least"), value.get("below")
        if high is None:
            return f"{plain} ≥ {low:g}"
        return f"{'' if low is None else f'{low:g} ≤ '}{plain} < {high:g}"
    if name == "hours":
        return written(Hours.model_validate(value))
    if name == "score" and isinstance(value, Mapping):
        return "; ".join(_condition(label, scores) for label, scores in value.items())
    if isinstance(value, Mapping) and {"from", "to"} <= value.keys():
        zone = value.get("timezone", "UTC")
        return f"{value['from']}–{value['to']} {zone}".strip()
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_plain(words)}" for key, words in value.items())
    return f"{plain}: {_plain(value)}"


def _plain(value: Any) -> str:
    """Write plain data as people read it, without quotes and brackets."""
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {_plain(inner)}".strip() for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _options(section: BaseModel, above: tuple[str, ...], without: Collection[str] = ()) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if (field.alias or name) in without or value is None or value == field.get_default(call_default_factory=True):
            continue
        here = (*above, field.alias or name)
        if isinstance(value, BaseModel):
            yield from _options(value, here)
        elif value is True:
            yield here[-1].replace("_", " ")
        else:
            # The innermost name says it: "first_token 20 s" rather than "timeout first_token 20 s".
            yield f"{here[-1].replace('_', ' ')} {_quantity(value, field)}"


def _quantity(value: Any, field: FieldInfo) -> str:
    reader = _reader(field)
    if reader is seconds and isinstance(value, int | float):
        return duration(value)
    if reader is share and isinstance(value, int | float):
        return f"{100 * value:.3g}%"
    if reader is size_bytes and isinstance(value, int):
        return size(value)
    return _plain(_data(value))


def _data(value: Any) -> Any:
    """Return plain data, without defaults."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if isinstance(value, Mapping):
        return {key: _data(inner) for key, inner in value.items()}
    return [_data(inner) for inner in value] if isinstance(value, list | tuple) else value


def _reader(field: FieldInfo) -> Any:
    """Return the function that reads the field's quantity, however its annotation is wrapped."""
    found = [one.func for one in field.metadata if isinstance(one, BeforeValidator)]
    found += [
        one.func
        for inner in get_args(field.annotation)
        for one in getattr(inner, "__metadata__", ())
        if isinstance(one, BeforeValidator)
    ]
    return next(iter(found), None)


def duration(value_s: float) -> str:
    """Write seconds in the unit that reads best."""
    if value_s < 1:
        return f"{1000 * value_s:g} ms"
    if value_s >= _HOUR_S and value_s % _HOUR_S == 0:
        return f"{value_s / _HOUR_S:g} h"
    if value_s > _MINUTE_S and value_s % _MINUTE_S == 0:
        return f"{value_s / _MINUTE_S:g} min"
    return f"{value_s:g} s"


def size(value: int) -> str:
    """Write bytes in the unit that reads best."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= unit:
            return f"{value / unit:.3g} {name}"
    return f"{value} B"
