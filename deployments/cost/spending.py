"""What one process has to tell of cost, kept until somebody has written it down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import uuid4

from deployments.cost.lines import HOUR_S, OTHERS, Key, Kind, Statement, Sums

MOST_LINES = 10_000


class Spending:
    """Adds up by hour; any thread may call. *wall* is Unix time.

    One statement is under way at a time: it is told again, unchanged, until it is acknowledged, and a number is never
    given twice, so that whoever writes it down can tell what it has written. Tenants beyond *most* lines are summed up
    as others.
    """

    def __init__(self, source: str, *, wall: Callable[[], float] = time.time, most: int = MOST_LINES) -> None:
        self._source, self._wall, self._most = f"{source} {uuid4().hex}", wall, most
        self._sums: dict[Key, Sums] = {}
        self._told = Statement(source=self._source)
        self._number = 0
        self._lock = threading.Lock()

    def add(self, kind: Kind, pool: str, sums: Sums, *, model: str = "", tenant: str = "", currency: str = "") -> None:
        """Add to the sums of this hour."""
        key = Key(int(self._wall() // HOUR_S), kind, pool, model, tenant, currency)
        with self._lock:
            if key not in self._sums and len(self._sums) >= self._most:
                key = key._replace(tenant=OTHERS)
            kept = self._sums.get(key)
            if kept is None:
                self._sums[key] = kept = Sums()
            kept.add(sums)

    def statement(self) -> Statement:
        """Return what is under way, else what has come together since."""
        with self._lock:
            if not self._told.lines and self._sums:
                self._number += 1
                self._told = Statement(source=self._source, number=self._number, lines=tuple(self._sums.items()))
                self._sums = {}
            return self._told

    def acknowledged(self, number: int) -> None:
        """Forget the statement under way if it is the one of that number: it is written down."""
        with self._lock:
            if number and number == self._told.number:
                self._told = Statement(source=self._source)

    @property
    def told(self) -> bool:
        """Say whether nothing is left to tell."""
        with self._lock:
            return not self._told.lines and not self._sums
