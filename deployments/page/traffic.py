"""From readings that gateways' counters had to what goes over each edge now. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from deployments.errors import Declined, by_code
from deployments.page.readings import CLIENTS, Counts, Edge, Reading

WINDOW_S = 15.0
_FINE = frozenset({"ok", "cancelled"})
_P50, _P95 = 0.5, 0.95


@dataclass(slots=True)
class Window:
    """The readings of the last *span_s* seconds, by time in seconds; the oldest is what the newest is held against."""

    span_s: float = WINDOW_S
    _readings: list[tuple[float, Reading]] = field(default_factory=list)

    def add(self, at_s: float, reading: Reading) -> None:
        """Take a reading, and forget those that are too old to be the beginning of the window.

        After a pause as long as the window it begins anew: what happened meanwhile is not what happens now.
        """
        if self._readings and at_s - self._readings[-1][0] > self.span_s:
            self._readings.clear()
        self._readings.append((at_s, reading))
        while len(self._readings) > 2 and self._readings[1][0] <= at_s - self.span_s:  # noqa: PLR2004
            self._readings.pop(0)

    def traffic(self) -> list[dict[str, Any]]:
        """Return every edge that anything ever went over, by name; nothing before the second reading."""
        if len(self._readings) < 2:  # noqa: PLR2004
            return []
        span_s = max(1e-3, self._readings[-1][0] - self._readings[0][0])
        grown: dict[Edge, Counts] = defaultdict(Counts)
        totals: dict[Edge, float] = defaultdict(float)
        for gateway, edges in self._last().items():
            before = self._before(gateway)
            for edge, counts in edges.items():
                totals[edge] += sum(counts.outcomes.values())
                _grow(grown[edge], counts, before.get(edge, Counts()))
        return [_told(edge, grown[edge], totals[edge], span_s) for edge in sorted(grown)]

    def _last(self) -> Reading:
        """Return what each gateway told last: one that was missed once has not lost what it counted."""
        return {gateway: edges for _, reading in self._readings for gateway, edges in reading.items()}

    def _before(self, gateway: str) -> Mapping[Edge, Counts]:
        """Return the oldest reading of *gateway*: one that is heard for the first time has nothing new to tell."""
        return next((reading[gateway] for _, reading in self._readings if gateway in reading), {})


def quantile(buckets: Mapping[float, float], q: float) -> float | None:
    """Estimate the *q*-quantile of cumulative counts by upper bound, linearly inside its bucket; None without any.

    What is over the last finite bound is told as that bound.
    """
    total = max(buckets.values(), default=0.0)
    if total <= 0:
        return None
    lower, below = 0.0, 0.0
    for upper, count in sorted(buckets.items()):
        if count >= q * total and count > below:
            share = max(0.0, q * total - below) / (count - below)
            return lower if math.isinf(upper) else lower + (upper - lower) * share
        lower, below = (lower if math.isinf(upper) else upper), count
    return lower


def _grow(into: Counts, now: Counts, before: Counts) -> None:
    for field_ in ("outcomes", "answers", "calls"):
        older, sums = getattr(before, field_), getattr(into, field_)
        for key, value in getattr(now, field_).items():
            sums[key] = sums.get(key, 0.0) + max(0.0, value - older.get(key, 0.0))


def _told(edge: Edge, grown: Counts, total: float, span_s: float) -> dict[str, Any]:
    whole = sum(grown.outcomes.values())
    failed = {code: round(count) for code, count in sorted(grown.outcomes.items()) if count and _is_fault(code, edge)}
    latencies = grown.answers if quantile(grown.answers, _P50) is not None else grown.calls
    return {
        "node": edge[0],
        "target": edge[1],
        "rate": round(whole / span_s, 3),
        "error_share": round(sum(failed.values()) / whole, 4) if whole else 0.0,
        "errors": failed,
        "p50_s": rounded(quantile(latencies, _P50)),
        "p95_s": rounded(quantile(latencies, _P95)),
        "total": round(total),
    }


def _is_fault(outcome: str, edge: Edge) -> bool:
    """Say whether an operator should look: at failures and at what there was no room for, not at clients' mistakes.

    Nor at an answer that a node found not good enough: another target is asked then, which is what a cascade is for.
    """
    if outcome in _FINE or outcome.startswith("client_"):
        return False
    if outcome == Declined.code and edge[0] != CLIENTS:
        return False
    status = by_code(outcome).status
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS


def rounded(value: float | None, digits: int = 4) -> float | None:
    """Round what is known."""
    return None if value is None else round(value, digits)


def all_requests(edges: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what came in from the clients, all entries together."""
    came = [one for one in edges if not one["node"]]
    rate = sum(one["rate"] for one in came)
    failed = sum(one["rate"] * one["error_share"] for one in came)
    return {
        "rate": round(rate, 3),
        "error_share": round(failed / rate, 4) if rate else 0.0,
        "p95_s": max((one["p95_s"] for one in came if one["p95_s"] is not None), default=None),
        "total": sum(one["total"] for one in came),
    }
