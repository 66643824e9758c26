"""When a second branch starts: after a set time, or after a quantile of how long the first target usually takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator

from deployments.graph.quantile_window import QuantileWindow, fewest
from deployments.quantities import seconds

_QUANTILE = re.compile(r"p(\d{2}(?:\.\d)?)", re.ASCII)
_LEAST, _MOST = 50.0, 99.0


def _read(value: object) -> object:
    quantile = _QUANTILE.fullmatch(value) if isinstance(value, str) else None
    if quantile is not None and _LEAST <= float(quantile[1]) <= _MOST:
        return value
    try:
        return seconds(value)
    except ValueError:
        raise ValueError("is neither a duration such as 800ms nor a quantile from p50 to p99") from None


After = Annotated[str | float, BeforeValidator(_read)]


@dataclass(frozen=True, slots=True)
class Delay:
    """The seconds to wait for the first target, None where nobody knows yet; ``why`` says which."""

    seconds: float | None
    why: str


def delay(after: str | float, seen: QuantileWindow, now_s: float) -> Delay:
    """Return how long to wait, *seen* being the first target's latest times to a first token."""
    if not isinstance(after, str):
        return Delay(after, f"after {1000 * after:.0f} ms")
    q = float(after[1:]) / 100
    usual_s = seen.quantile(q, now_s)
    if usual_s is None:
        return Delay(None, f"learning {after}: {len(seen)} of {fewest(q)} first tokens seen")
    return Delay(usual_s, f"after {after}, {1000 * usual_s:.0f} ms")
