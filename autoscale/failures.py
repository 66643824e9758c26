"""What goes wrong with a pool again and again is said once."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(slots=True)
class Failures:
    """The kinds of errors that each pool has had, which are in the log already."""

    _had: set[tuple[str, str, type[BaseException] | None]] = field(default_factory=set)

    def first(self, event: str, pool: str) -> bool:
        """Say whether the exception that is being handled is the first of its class that is this *event* for *pool*."""
        kind = event, pool, sys.exc_info()[0]
        known = kind in self._had
        self._had.add(kind)
        return not known
