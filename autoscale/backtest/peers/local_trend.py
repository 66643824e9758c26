"""A level and its trend, followed by a Kalman filter."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

_MOVES = np.array([[1.0, 1.0], [0.0, 1.0]])


@dataclass(slots=True, kw_only=True)
class LocalTrend:
    """Dynamo's Kalman predictor: variance of level and trend 1.0 and 0.1 a step, of what is measured 10."""

    level_noise: float = 1.0
    trend_noise: float = 0.1
    measurement_noise: float = 10.0
    _state: npt.NDArray[np.float64] | None = None
    _spread: npt.NDArray[np.float64] = field(default_factory=lambda: np.eye(2) * 10.0)

    def add(self, value: float) -> None:
        """Take the next measurement."""
        if self._state is None:
            self._state = np.array([value, 0.0])
            return
        state = _MOVES @ self._state
        spread = _MOVES @ self._spread @ _MOVES.T + np.diag([self.level_noise, self.trend_noise])
        gain = spread[:, 0] / (spread[0, 0] + self.measurement_noise)
        self._state = state + gain * (value - state[0])
        self._spread = spread - np.outer(gain, spread[0])

    @property
    def next(self) -> float:
        """Return the value expected one step ahead; 0 before any measurement."""
        return float((_MOVES @ self._state)[0]) if self._state is not None else 0.0
