"""Notice that steps take longer or shorter than they did: a two-sided CUSUM of relative residuals.

E. S. Page, Continuous Inspection Schemes, Biometrika 41, 1954.
"""

from __future__ import annotations

# A residual of up to 6 % is the model's own error; one of 30 % alarms after three intervals of many steps.
_SLACK = 0.06
_ALARM = 0.6
_FEW_STEPS = 50.0
_GAIN = 0.2


class Drift:
    """Watches measured over predicted time, interval by interval.

    ``share_off`` is the root mean square of recent residuals beyond what chance explains, as a share of the time.
    """

    def __init__(self) -> None:
        self._slower = self._faster = self._square = 0.0

    @property
    def share_off(self) -> float:
        """Return how far predictions have been off lately."""
        return float(self._square**0.5)

    def see(self, ratio: float, *, steps: float, chance: float) -> bool:
        """Take one interval; *chance* is the standard deviation of *ratio* by noise alone. Return whether to alarm."""
        weight, off = steps / (steps + _FEW_STEPS), ratio - 1
        self._square += _GAIN * weight * (max(0.0, off**2 - chance**2) - self._square)
        self._slower = max(0.0, self._slower + weight * (off - _SLACK))
        self._faster = max(0.0, self._faster - weight * (off + _SLACK))
        if max(self._slower, self._faster) < _ALARM:
            return False
        self._slower = self._faster = 0.0
        self._square = max(self._square, off**2)
        return True
