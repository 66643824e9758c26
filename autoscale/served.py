"""Serve's view of a pool: the replicas it has, and the number it is steering to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ServedState = Literal["starting", "running", "stopping"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedReplica:
    """One replica by its Serve id; ``placed`` once it has a process on a node, ``since_s`` in Unix time."""

    replica: str
    state: ServedState
    placed: bool = True
    since_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPool:
    """One pool as Serve sees it."""

    target: int
    replicas: tuple[ServedReplica, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Every pool that Serve knows, read at ``at_s`` (Unix time)."""

    at_s: float
    pools: Mapping[str, ServedPool] = field(default_factory=dict)
