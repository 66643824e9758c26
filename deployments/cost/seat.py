"""One sequence in an engine, and what it owes since it was last looked at."""

from __future__ import annotations

from typing import Protocol


class Account(Protocol):
    """Whoever owes seconds."""

    def add(self, seconds: float) -> None:
        """Owe so many more."""


class Seat:
    """One sequence in an engine; the sums are those from which on it owes its part."""

    __slots__ = ("_at", "_fixed", "_kv", "_kv_later", "_kv_price", "account")

    def __init__(self, account: Account) -> None:
        self.account = account
        self._kv = self._fixed = self._kv_price = self._kv_later = 0.0
        self._at = 0

    def mark(self, kv: float, at: int, fixed: float, kv_price: float, kv_later: float) -> None:
        """Owe from here on, as one that attends to *kv* tokens in the next step and to one more in each after it."""
        self._kv, self._at = kv, at
        self._fixed, self._kv_price, self._kv_later = fixed, kv_price, kv_later

    def kv(self, at: int) -> float:
        """Return the tokens that it attends to in the step *at*."""
        return self._kv + at - self._at

    def owed(self, fixed: float, kv_price: float, kv_later: float) -> float:
        """Return the seconds since the mark."""
        since = (kv_price - self._kv_price) * (self._kv - self._at)
        return fixed - self._fixed + since + kv_later - self._kv_later
