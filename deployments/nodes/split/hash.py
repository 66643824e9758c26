"""Stable hashes of keys: the same key always falls the same way, on every gateway and after every restart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import blake2b

_RANGE = 2.0**53


def unit(*parts: str) -> float:
    """Return a number in (0, 1) that depends on *parts* alone, uniform over keys."""
    told = b"\x00".join(part.encode("utf-8", "surrogatepass") for part in parts)
    whole = int.from_bytes(blake2b(told, digest_size=8).digest()) >> 11
    return (whole + 0.5) / _RANGE


def chosen(weights: Mapping[str, float], seed: str, key: str) -> str:
    """Return the arm of *key*, each arm as often as its weight says.

    Weighted rendezvous hashing (Schindelhauer and Schomaker 2005): an arm's draw depends on its own weight alone, so
    that another weight, or another arm, moves only keys to it or away from it.
    """
    return max(weights, key=lambda arm: _draw(weights[arm], unit(seed, arm, key)))


def _draw(weight: float, u: float) -> float:
    return -weight / math.log(u) if weight > 0 else -1.0
