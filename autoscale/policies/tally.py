"""How often the policies of one configuration have failed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """One count that every contained policy of a configuration adds to."""

    errors: int = 0
