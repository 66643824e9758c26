"""What requests use, in whole units."""

from __future__ import annotations

from typing import Literal

import msgspec

MICRO = 1_000_000
Unit = Literal["tokens", "cost", "compute"]


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tokens of prompt and completion, ``cost`` in millionths of the currency, ``compute`` in microseconds of a device.

    What is measured in fractions is rounded up by whoever counts it: a sum of such parts is never too low. Of tokens
    that are expected, ``spare`` are held for certainty alone.
    """

    tokens: int = 0
    cost: int = 0
    compute: int = 0
    spare: int = 0

    def __post_init__(self) -> None:
        if min(self.tokens, self.cost, self.compute, self.spare) < 0:
            raise ValueError("usage is not negative")

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            tokens=self.tokens + other.tokens,
            cost=self.cost + other.cost,
            compute=self.compute + other.compute,
            spare=self.spare + other.spare,
        )

    def within(self, other: Usage) -> bool:
        """Say whether this is no more than *other*, of any unit."""
        return self.tokens <= other.tokens and self.cost <= other.cost and self.compute <= other.compute

    def without(self, other: Usage) -> Usage:
        """Return what is left when *other* is taken away, never less than nothing."""
        return Usage(
            tokens=max(0, self.tokens - other.tokens),
            cost=max(0, self.cost - other.cost),
            compute=max(0, self.compute - other.compute),
            spare=max(0, self.spare - other.spare),
        )


NOTHING = Usage()
