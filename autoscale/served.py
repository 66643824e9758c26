"""Serve's view of a pool: the replicas it has, and the number it is steering to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ServedState = Literal["starting", "running", "stopping"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedReplica:
    """One replica by its Serve id; ``placed`` once it has a process on a node, ``since_s`` in Unix time.

    ``node`` is the id of the machine it is on, "" before it has one. ``since_s`` is when Serve asked for it,
    ``actor`` the name of its Ray actor. ``recovering`` ones run, and Serve, restarted, has not found them again yet.
    """

    replica: str
    state: ServedState
    placed: bool = True
    since_s: float = 0.0
    node: str = ""
    actor: str = ""
    recovering: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPool:
    """One pool as Serve sees it."""

    target: int
    replicas: tuple[ServedReplica, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Every pool that Serve knows, read at ``at_s`` (Unix time); ``crowd`` counts its running replicas by machine.

    ``listed`` are the replicas that it has, whatever their state. All applications count in both, gateways as well.
    """

    at_s: float
    pools: Mapping[str, ServedPool] = field(default_factory=dict)
    crowd: Mapping[str, int] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
