"""Clusters that several modules share, one at a time: a machine with 16 GB has no room for two."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from tests.serving import Serving

Start = Callable[[], AbstractContextManager[Serving]]


class OneAtATime:
    """Holds the cluster that was asked for last; asking for another ends it."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._name = ""
        self._one: Serving | None = None

    def serving(self, name: str, start: Start) -> Serving:
        """Return the cluster *name*, started by *start* unless it runs; one that did not start is not tried again."""
        if name != self._name:
            self.close()
            self._name = name
            self._one = self._open.enter_context(start())
        assert self._one is not None, f"the cluster {name} did not start: its first test says why"
        return self._one

    def close(self) -> None:
        """End the cluster that runs."""
        self._name, self._one = "", None
        self._open.close()
