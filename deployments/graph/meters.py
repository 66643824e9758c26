"""What layers of a graph tell whoever measures: who shared, who waited, who was refused."""

from __future__ import annotations

from typing import Protocol


class Meters(Protocol):
    """Is told by nodes what happens in them; labels are names from the config and words from a fixed list."""

    def coalesced(self, node: str, role: str) -> None:
        """Count a request that began a generation to be shared (``first``) or shared one (``joined``)."""
        ...

    def merged(self, node: str, requests: int) -> None:
        """Count one call made of so many requests."""
        ...

    def cached(self, node: str, outcome: str) -> None:
        """Count a request by what a cache had for it.

        ``hit``, ``stale``, ``semantic``, ``miss``, or ``bypass`` where it looked not.
        """
        ...

    def screened(self, node: str, found: str, action: str) -> None:
        """Count what a guard, or a redaction, found and did: ``mask``, ``block``, ``route`` or ``flag``."""
        ...

    def admitted(self, node: str, group: str, waited_s: float) -> None:
        """Note how long a request of the class *group* waited to be let in."""
        ...

    def refused(self, node: str, group: str, reason: str) -> None:
        """Count a request of the class *group* that was not let in."""
        ...

    def queue(self, node: str, waiting: int, running: int) -> None:
        """Note how many requests wait at a node and how many it has let in."""
        ...


class Unmetered:
    """Measures nothing."""

    def coalesced(self, node: str, role: str) -> None:
        """Ignore it."""

    def merged(self, node: str, requests: int) -> None:
        """Ignore it."""

    def cached(self, node: str, outcome: str) -> None:
        """Ignore it."""

    def screened(self, node: str, found: str, action: str) -> None:
        """Ignore it."""

    def admitted(self, node: str, group: str, waited_s: float) -> None:
        """Ignore it."""

    def refused(self, node: str, group: str, reason: str) -> None:
        """Ignore it."""

    def queue(self, node: str, waiting: int, running: int) -> None:
        """Ignore it."""
