"""What policies remember, taken out of them and put back into others of the same shape."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autoscale.policy import Remembering

log = logging.getLogger("tercet.autoscale")

MOST_BYTES = 2 * 2**20


def remembered(policy: object) -> dict[str, Any]:
    """Return what every policy inside *policy* wants kept, by its place.

    One that fails, or that says more than is left of what all may say, has nothing.
    """
    kept, left = dict[str, Any](), MOST_BYTES
    for place, one in _remembering(policy):
        try:
            told = dict(one.remembered())
            size = len(json.dumps(told))
        except Exception:
            log.exception("policy_memory_failed place=%s", place)
            continue
        if size > left:
            log.warning("policy_memory_too_large place=%s bytes=%d", place, size)
            continue
        kept[place], left = told, left - size
    return kept


def recall(policy: object, kept: Mapping[str, Any]) -> None:
    """Give the policies inside *policy* what was kept of those in the same places; one that fails starts anew.

    Where wrappers have come or gone a class that there is only one of is the same policy as before.
    """
    found = dict(_remembering(policy))
    kept_classes, found_classes = Counter(map(_class, kept)), Counter(map(_class, found))
    only = {_class(place): told for place, told in kept.items() if kept_classes[_class(place)] == 1}
    for place, one in found.items():
        told = kept.get(place, only.get(_class(place)) if found_classes[_class(place)] == 1 else None)
        if told is not None:
            try:
                one.recall(told)
            except Exception:
                log.exception("policy_memory_refused place=%s", place)


def _class(place: str) -> str:
    return place.rpartition("/")[2]


def _remembering(policy: object) -> Iterator[tuple[str, Remembering]]:
    return ((place, one) for place, one in _inside(policy, "", set()) if isinstance(one, Remembering))


def _inside(value: object, place: str, seen: set[int]) -> Iterator[tuple[str, object]]:
    """Yield every policy in *value* with the names and classes on the way to it."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _inside(one, f"{place}[{key}]", seen)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for at, one in enumerate(value):
            yield from _inside(one, f"{place}[{at}]", seen)
    elif callable(getattr(value, "decide", None)) and id(value) not in seen:
        seen.add(id(value))
        here = f"{place}/{type(value).__name__}"
        yield here, value
        for name in _attributes(value):
            yield from _inside(getattr(value, name, None), f"{here}.{name}", seen)


def _attributes(value: object) -> list[str]:
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    return [*dict.fromkeys([*slots, *getattr(value, "__dict__", {})])]
