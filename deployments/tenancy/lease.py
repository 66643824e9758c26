"""How long what is held lasts that nobody renews."""

from __future__ import annotations

from dataclasses import dataclass

# As much of a lease must be left for a request to go on while the store is away.
_LEAST_LEFT = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """How long holds last that nobody renews, in microseconds."""

    us: int = 120_000_000

    def due(self, until_us: int, now_us: int) -> bool:
        """Say whether it is time to renew: with two thirds left a store may be away for a while."""
        return until_us - now_us < self.us * 2 // 3

    def safe(self, until_us: int, now_us: int) -> bool:
        """Say whether the hold is certainly there still."""
        return until_us - now_us > self.us * _LEAST_LEFT
