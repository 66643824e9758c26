"""What was worked out before, kept in a file, so that a long backtest goes on where it ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

Kind = Literal["replay", "hindsight", "peer", "policy"]

_PACKAGE = Path(__file__).parents[1]
# What engines take next follows from here, in simulations as well.
_RULES = _PACKAGE.parent / "deployments" / "scheduling"
# What follows from which code: the replay of a schedule, what a search finds by replays, a peer's run, a policy's run.
_SIMULATOR, _NOT_OF_IT = ("sim/*.py", "sim/kernel/*.py", "sim/traces/*.py"), ("sim/knee.py", "sim/drawn.py")
_REPLAYING = tuple(
    f"backtest/{name}.py" for name in ("calibrate", "demand", "foresight", "replay", "trial", "yardstick")
)
_FOLLOWS_FROM: Mapping[Kind, tuple[str, ...]] = {
    "replay": (*_SIMULATOR, *_REPLAYING),
    "hindsight": (*_SIMULATOR, "backtest/*.py"),
    "peer": (*_SIMULATOR, *_NOT_OF_IT, "backtest/**/*.py", "capacity/*.py"),
    "policy": ("**/*.py",),
}


@dataclass(slots=True)
class Memory:
    """Plain values by a digest of what they follow from: one JSON object a line, read once, added to as they come.

    Without a path nothing is kept. Processes may share the file; each knows what was in it when it first looked.
    """

    path: Path | None = None
    _known: dict[str, Any] | None = field(default=None, repr=False)

    def recall(self, key: str, made: Callable[[], Any]) -> Any:
        """Return what is kept under *key*, else make it, which must give JSON data, and keep it."""
        if self.path is None:
            return made()
        if self._known is None:
            self._known = dict(_read(self.path))
        if key not in self._known:
            self._known[key] = made()
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, self._known[key]]) + "\n")
        return self._known[key]


def _read(path: Path) -> list[tuple[str, Any]]:
    """Return what the lines say; one that was cut short says nothing."""
    kept: list[tuple[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            key, value = json.loads(line)
        except ValueError:
            continue
        kept.append((key, value))
    return kept


def key_of(kind: Kind, *of: object) -> str:
    """Return a digest of data and of the code that a *kind* of answer follows from."""
    digest = hashlib.sha256(_code(kind).encode())
    for value in of:
        _feed(digest.update, value)
    return digest.hexdigest()


@cache
def _code(kind: Kind) -> str:
    digest = hashlib.sha256()
    others = {_PACKAGE / one for one in _NOT_OF_IT} if kind in {"replay", "hindsight"} else set()
    found = {path for one in _FOLLOWS_FROM[kind] for path in _PACKAGE.glob(one)} - others
    for path in (*sorted(found), *sorted(_RULES.glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _feed(take: Callable[[bytes], None], value: object) -> None:
    """Take a value piece by piece, so that equal data gives equal digests in every process."""
    if is_dataclass(value) and not isinstance(value, type):
        take(type(value).__name__.encode())
        for one in fields(value):
            _feed(take, getattr(value, one.name))
    elif isinstance(value, np.ndarray):
        take(f"{value.dtype}{value.shape}".encode() + value.tobytes())
    elif isinstance(value, Mapping):
        _feed(take, [(name, value[name]) for name in value])
    elif isinstance(value, list | tuple):
        take(f"({len(value)}".encode())
        for part in value:
            _feed(take, part)
    else:
        take(f"{value!r};".encode())
