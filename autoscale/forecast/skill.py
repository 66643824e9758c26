"""Which of several forecasts to believe, by how wrong each has been lately."""

from __future__ import annotations

from collections.abc import Sequence

from autoscale.forecast.smoothing import gain

_MEMORY_S = 6 * 3600.0
# How decidedly the better one wins: with half the squared error it weighs this power of two as much.
_POWER = 6.0


class Skill:
    """Mean squared errors of some forecasts of the same thing."""

    def __init__(self, forecasts: int) -> None:
        self.squares = [0.01] * forecasts
        self._weights: tuple[list[float], list[float]] = [], []

    def see(self, errors: Sequence[float], gap_s: float) -> None:
        """Take the error of each."""
        share = gain(gap_s, _MEMORY_S)
        for at, error in enumerate(errors):
            self.squares[at] += share * (error * error - self.squares[at])

    def weights(self) -> list[float]:
        """Return how much each counts, 1 in all."""
        of, kept = self._weights
        if of != self.squares:
            kept = _weights(self.squares)
            self._weights = list(self.squares), kept
        return kept


def _weights(squares: Sequence[float]) -> list[float]:
    best = max(1e-9, min(squares))
    raw = [(best / max(1e-9, square)) ** _POWER for square in squares]
    whole = sum(raw)
    return [one / whole for one in raw]
