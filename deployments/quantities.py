"""Durations, sizes and shares as people write them: ``80ms``, ``2s``, ``15m``; ``512MiB``, ``8MB``; ``5%``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_MOST = 1e18
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", re.ASCII)
_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*", re.ASCII)


def seconds(value: object) -> float:
    """Read a duration; a bare number is seconds."""
    return _read(value, _SECONDS, "a duration such as 80ms, 2s or 15m")


def size_bytes(value: object) -> int:
    """Read a size; a bare number is bytes."""
    return int(_read(value, _BYTES, "a size such as 512MiB or 8MB"))


def share(value: object) -> float:
    """Read a share of a whole, in [0, 1]; a bare number is a fraction."""
    percent = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    found = float(percent[1]) / 100 if percent else value
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise ValueError("is not a share between 0% and 100%, such as 5% or 0.05")
    return float(found)


def _read(value: object, units: dict[str, float] | dict[str, int], wanted: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value < 0:
            raise ValueError(f"is less than 0; write {wanted}")
        return _finite(value, wanted)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"is not {wanted}")
    return _finite(float(match[1]) * units[match[2]], wanted)


def _finite(value: float, wanted: str) -> float:
    if not value <= _MOST:
        raise ValueError(f"is not {wanted}")
    return float(value)


Seconds = Annotated[float, BeforeValidator(seconds)]
Bytes = Annotated[int, BeforeValidator(size_bytes)]
Share = Annotated[float, BeforeValidator(share)]
