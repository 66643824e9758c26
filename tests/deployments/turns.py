"""Pools that do something else on each call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.deployments.scripted import Act


class Turns(Sequence[Act]):
    """Scripts for one call after another; the last one stays."""

    def __init__(self, *scripts: Sequence[Act]) -> None:
        self._scripts = list(scripts)

    def __iter__(self) -> Iterator[Act]:
        return iter(self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0])

    def __len__(self) -> int:
        return len(self._scripts[0])

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        return self._scripts[0][at]
