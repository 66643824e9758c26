"""How the keeping of records is going, for whoever watches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditState:
    """``fault`` says why nothing can be kept since ``since_s`` (Unix seconds), "" while all is well.

    ``waiting`` records are not on the disk yet, ``lost`` ones never will be and were not told of in a chain so far.
    """

    fault: str = ""
    since_s: float = 0.0
    waiting: int = 0
    lost: int = 0

    @property
    def ok(self) -> bool:
        """Say whether records are kept."""
        return not self.fault


class AuditMeter(Protocol):
    """Is told what became of records, and whether they can be kept."""

    def audited(self, outcome: str, count: int) -> None:
        """Count records: ``written``, ``late`` where a request did not wait for the disk, ``lost``, or ``refused``."""
        ...

    def audit_up(self, up: bool) -> None:
        """Note whether records can be kept."""
        ...

    def audit_commit(self, records: int, seconds: float) -> None:
        """Note one write to the disk: of how many records, and how long it took."""
        ...


class Unmetered:
    """Measures nothing."""

    def audited(self, outcome: str, count: int) -> None:
        """Ignore it."""

    def audit_up(self, up: bool) -> None:
        """Ignore it."""

    def audit_commit(self, records: int, seconds: float) -> None:
        """Ignore it."""
