"""A bound on look-ups of keys that nobody has: who makes keys up must not keep the store from those who hold one."""

from __future__ import annotations

MOST_A_SECOND = 200.0


class Strangers:
    """Counts look-ups that found nobody, as a bucket that leaks; times are Unix time in seconds.

    One under way counts until it finds somebody: a thousand at once are as much a crowd as a thousand in turn.
    """

    def __init__(self, most_a_second: float = MOST_A_SECOND) -> None:
        self._most = most_a_second
        self._level = self._at_s = 0.0

    def came(self, now_s: float) -> None:
        """Take note of one who may be known to nobody."""
        self._level = self._now(now_s) + 1.0
        self._at_s = now_s

    def known(self) -> None:
        """Take back what was noted of one who proved to be known."""
        self._level = max(0.0, self._level - 1.0)

    def crowd(self, now_s: float) -> bool:
        """Say whether so many come that no further one is looked up."""
        return self._now(now_s) >= self._most

    def _now(self, now_s: float) -> float:
        return max(0.0, self._level - max(0.0, now_s - self._at_s) * self._most)
