"""What a policy answered, in plain types: a class on the Python path may answer anything."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from autoscale.fleet import Fleet
from autoscale.policy import Decision, PoolDecision, hold

_MISSING = "policy gave no decision"


def complete(fleet: Fleet, told: Any, wrong: Callable[[str, Exception], None]) -> Decision:
    """Return a decision on every pool of *fleet* and on no other; one with a wrong answer, or without any, is held.

    *wrong* is told of each, by name (of those without an answer together). Raises TypeError where *told* is no
    decision on pools at all.
    """
    if not isinstance(told, Decision) or not isinstance(told.pools, Mapping):
        raise TypeError(f"the answer is of type {_type(told)}, not a Decision with a mapping of pools")
    missing = sorted(fleet.pools.keys() - told.pools.keys())
    if missing:
        wrong(",".join(missing), ValueError(_MISSING))
    pools = {name: hold(fleet.pools[name], _MISSING) for name in missing}
    moved, shares = _moved(told.brown_out, wrong), dict[str, float]()
    for name in [name for name in fleet.pools if name in told.pools]:
        try:
            pools[name] = _plain(told.pools[name])
            shares |= {name: _share(moved[name])} if name in moved else {}
        except Exception as error:  # noqa: BLE001 - values of any class may raise anything; *wrong* is told
            wrong(name, error)
            pools[name] = hold(fleet.pools[name], f"policy gave a wrong decision: {error}")
    return Decision(pools={name: pools[name] for name in fleet.pools}, brown_out=shares)


def _moved(told: Any, wrong: Callable[[str, Exception], None]) -> Mapping[str, Any]:
    """Return what is said of brown-outs: nothing, for any pool, where it is not said by pool."""
    if isinstance(told, Mapping):
        return told
    wrong("*", TypeError(f"brown_out is of type {_type(told)}, not a mapping"))
    return {}


def _plain(told: Any) -> PoolDecision:
    if not isinstance(told, PoolDecision):
        raise TypeError(f"the decision is of type {_type(told)}, not PoolDecision")
    return replace(
        told,
        replicas=_count(told.replicas),
        reason=_words("reason", told.reason),
        binds=_words("binds", told.binds),
        rejected=_list("rejected", told.rejected),
        numbers=_numbers(told.numbers),
        release=_list("release", told.release),
    )


def _numbers(told: Any) -> dict[str, float]:
    if not isinstance(told, Mapping):
        raise TypeError(f"numbers is of type {_type(told)}, not a mapping")
    return {_words("a name in numbers", name): _finite(f"numbers[{name!r}]", one) for name, one in told.items()}


def _share(told: Any) -> float:
    value = _finite("brown_out", told)
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"brown_out is {value:g}, not in [0, 1]")
    return value


def _count(told: Any) -> int:
    try:
        return int(operator.index(told))  # also of the integers of numpy, which are none to JSON
    except TypeError:
        raise TypeError(f"replicas is {told!r:.40} of type {_type(told)}, not an integer") from None


def _words(field: str, told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError(f"{field} is of type {_type(told)}, not str")
    return str(told)


def _list(field: str, told: Any) -> tuple[str, ...]:
    if not isinstance(told, tuple | list):
        raise TypeError(f"{field} is of type {_type(told)}, not a tuple of str")
    return tuple(_words(field, one) for one in told)


def _finite(field: str, told: Any) -> float:
    if isinstance(told, str | bytes):  # float would read them
        raise TypeError(f"{field} is of type {_type(told)}, not a number")
    try:
        value = float(told)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{field} is of type {_type(told)}, not a finite number") from None
    if not math.isfinite(value):
        raise ValueError(f"{field} is {value}, not finite")
    return value


def _type(told: Any) -> str:
    return type(told).__name__
