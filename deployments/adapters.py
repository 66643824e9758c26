"""LoRA adapters as model names: ``pool:adapter`` is the model of *pool* with *adapter* on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SEPARATOR = ":"
# In the place of an adapter's name, where access is given: no adapter is called so.
ALL = "*"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


def served_name(pool: str, adapter: str) -> str:
    """Return the model name of *adapter* on *pool*; the pool's own name where *adapter* is empty."""
    return f"{pool}{SEPARATOR}{adapter}" if adapter else pool


def split_name(name: str) -> tuple[str, str]:
    """Return pool and adapter of a model name; the adapter is empty where the name has none."""
    pool, _, adapter = name.partition(SEPARATOR)
    return pool, adapter


def is_adapter_name(text: str) -> bool:
    """Tell whether *text* can stand behind the colon."""
    return _NAME.fullmatch(text) is not None


def inside(path: str, folders: Iterable[str]) -> bool:
    """Tell whether *path*, with every link followed, is a place below one of *folders*."""
    try:
        real = Path(path).resolve()
        return Path(path).is_absolute() and any(Path(folder).resolve() in real.parents for folder in folders)
    except (OSError, ValueError, RuntimeError):  # links that lead in a circle, names that no file can have
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterOrder:
    """An adapter that a pool's replicas should hold; another *serial* under the same name is another adapter."""

    path: str
    serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterReport:
    """What became of one adapter on one replica; ``error`` is empty where it is held. A declared one has serial 0."""

    name: str
    serial: int
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterOutcome:
    """How far a change has come: the ready replicas that are done, those that are not yet, and why others failed.

    ``refused`` says why the change was not begun at all.
    """

    done: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
