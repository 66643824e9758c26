"""What a document's objectives put into rules, as text: numbers for Prometheus, or places that a chart fills in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from deployments.objectives.spec import Thresholds


def number(value: float) -> str:
    """Write a number with six digits, as Go's ``%.6g`` does."""
    return f"{value:.6g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Thresholds of alerts; those of time are seconds."""

    held: str
    kv_used: str
    cold_start: str
    cold_start_factor: str
    flaps: str
    brown_out: str

    @classmethod
    def of(cls, limits: Thresholds) -> Self:
        """Write the thresholds of a document."""
        return cls(
            held=number(limits.held),
            kv_used=number(limits.kv_used),
            cold_start=number(limits.cold_start),
            cold_start_factor=number(limits.cold_start_factor),
            flaps=number(limits.flaps),
            brown_out=f"{limits.brown_out:.0f}",
        )
