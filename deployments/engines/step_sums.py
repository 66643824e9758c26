"""Sum up what an engine's steps worked on and how long they took, steps that say nothing about the next ones apart."""

from __future__ import annotations

from deployments.totals import StepTotals

# Memory is touched, shapes are compiled and captured for the first time: fits on such steps start too low.
WARM_UP_STEPS = 16
WARM_UP_STEPS_OF_A_SIZE = 2
_OUTLIER = 8.0
_PULL = 3.0
_MEMORY = 0.05
_SIZES = 40


class StepSums:
    """The totals of one engine since it was ready.

    Left out are its first steps, the first of each size (the power of two of the tokens in it), and those that took
    more than 8 times the mean of their size, such as a compilation; a change that lasts moves the mean and is kept.
    """

    __slots__ = ("_gram", "_means", "_seconds", "_seen", "_squared", "_steps")

    def __init__(self) -> None:
        self._steps = 0
        self._seen = [0] * _SIZES
        self._means = [0.0] * _SIZES
        self._gram = [0.0] * 15
        self._seconds = [0.0] * 5
        self._squared = 0.0

    def add(self, seconds: float, *, prefill: float, prefill_context: float, sequences: float, kv: float) -> None:
        """Add one step: its time, prompt tokens, those times their context, sequences that decode, their KV tokens."""
        self._steps += 1
        if self._steps <= WARM_UP_STEPS or not self._usual(seconds, int(prefill + sequences).bit_length()):
            return
        p, a, s, k = prefill, prefill_context, sequences, kv
        gram, sums = self._gram, self._seconds
        # Written out: this runs at every step, and loops would take four times as long.
        gram[0] += 1
        gram[1] += p
        gram[2] += a
        gram[3] += s
        gram[4] += k
        if p:
            gram[5] += p * p
            gram[6] += p * a
            gram[7] += p * s
            gram[8] += p * k
            gram[9] += a * a
            gram[10] += a * s
            gram[11] += a * k
            sums[1] += p * seconds
            sums[2] += a * seconds
        gram[12] += s * s
        gram[13] += s * k
        gram[14] += k * k
        sums[0] += seconds
        sums[3] += s * seconds
        sums[4] += k * seconds
        self._squared += seconds * seconds

    def read(self) -> StepTotals:
        """Return the totals so far."""
        return StepTotals(gram=tuple(self._gram), seconds=tuple(self._seconds), seconds_squared=self._squared)

    def _usual(self, seconds: float, size: int) -> bool:
        self._seen[size] += 1
        if self._seen[size] <= WARM_UP_STEPS_OF_A_SIZE:
            return False
        mean = self._means[size] or seconds
        self._means[size] = mean + _MEMORY * (min(seconds, _PULL * mean) - mean)
        return seconds <= _OUTLIER * mean or mean == 0.0
