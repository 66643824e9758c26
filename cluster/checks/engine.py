"""Engine arguments: names that vLLM knows, values that JSON can carry, and combinations that give wrong answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any

from cluster.checks.speculation import misguided
from cluster.config import ModelSpec
from cluster.parts import Parts
from cluster.plan import Machine
from cluster.problems import Loc, Problem, path_of, shown
from cluster.sizing import device_of, missized
from deployments.engines.cpu_settings import objections
from deployments.engines.engine_arguments import RESERVED, known_arguments


def ill_equipped(parts: Parts, nodes: Sequence[Machine]) -> Iterator[Problem]:
    """Find engine arguments that no engine would start with."""
    for name, model in parts.models.items():
        loc: Loc = ("models", name, "engine")
        if parts.sound(*loc):
            yield from _unknown(model, loc)
            yield from _unwritable(model.engine, loc)
            yield from misguided(model.engine, loc)
            for argument, why in objections(model.engine, device_of(model, nodes)):
                yield Problem(path=path_of((*loc, argument)), message=why, value=model.engine[argument])
        if parts.sound(*loc) and parts.sound("models", name, "resources", "gpus"):
            yield from missized(name, model)


def _unknown(model: ModelSpec, loc: Loc) -> Iterator[Problem]:
    known = known_arguments()
    for argument, value in model.engine.items():
        if argument not in known | RESERVED.keys():
            message = f"is not an argument of vLLM's engine; {_like(argument, known)}"
            yield Problem(path=path_of((*loc, argument)), message=message, value=value)


def _like(argument: str, known: frozenset[str]) -> str:
    close = get_close_matches(argument.replace("-", "_"), sorted(known), n=1)
    return f"did you mean {close[0]}?" if close else "none of its arguments is like it"


def _unwritable(value: Any, loc: Loc) -> Iterator[Problem]:
    """Find what would not survive the way to the engine as JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str):
                yield from _unwritable(inner, (*loc, key))
            else:
                yield Problem(path=path_of(loc), message=f"the key {shown(key)} is not text; quote it", value=key)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _unwritable(inner, (*loc, at))
    elif isinstance(value, float) and not isfinite(value):
        yield Problem(path=path_of(loc), message=f"{shown(value)} is not a finite number", value=value)
    elif not isinstance(value, str | int | float | bool | None):
        yield Problem(path=path_of(loc), message=f"{shown(value)} is not plain data", value=value)
