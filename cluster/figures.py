"""What is known of each model's speed, from records of requests or from a running cluster's status."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from cluster.record_lines import Lines, lines_of
from deployments.telemetry.records import OK, Record

_STEPS = 48  # to the factor of two: a median is right to 1.5 %
_MOST_STATUS = 16 * 2**20


@dataclass(slots=True)
class Values:
    """Counts of positive values by their logarithm, so that any number of them takes little room."""

    counts: dict[int, int] = field(default_factory=dict)
    total: int = 0

    def add(self, value: float | None) -> None:
        """Count a value; one that nobody told is not counted."""
        if value is not None and 0 <= value < math.inf:
            at = round(_STEPS * math.log2(min(max(value, 1e-6), 1e300)))
            self.counts[at] = self.counts.get(at, 0) + 1
            self.total += 1

    def median(self) -> float | None:
        """Return the median, None without values."""
        seen = 0
        for at in sorted(self.counts):
            seen += self.counts[at]
            if 2 * seen >= self.total:
                return float(2 ** (at / _STEPS))
        return None


@dataclass(slots=True)
class Speed:
    """One model's answers that came to their end: seconds to the first token, seconds a token after it, tokens."""

    ttft_s: Values = field(default_factory=Values)
    per_token_s: Values = field(default_factory=Values)
    tokens: Values = field(default_factory=Values)

    def take(self, record: Record) -> None:
        """Add one record."""
        if record.outcome != OK:
            return
        self.ttft_s.add(record.ttft_s)
        self.tokens.add(record.completion_tokens)
        if record.ttft_s is not None and record.completion_tokens > 1:
            self.per_token_s.add(max(0.0, record.duration_s - record.ttft_s) / (record.completion_tokens - 1))

    def known(self) -> Known:
        """Return the medians."""
        return Known(
            ttft_s=self.ttft_s.median(),
            per_token_s=self.per_token_s.median(),
            tokens=self.tokens.median(),
            source=f"median of {self.ttft_s.total} records",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Medians of one model, None where nothing told them, and where they come from."""

    ttft_s: float | None = None
    per_token_s: float | None = None
    tokens: float | None = None
    source: str = ""

    def duration_s(self, tokens: float) -> float | None:
        """Return how long an answer of so many tokens takes."""
        if self.ttft_s is None or (self.per_token_s is None and tokens > 1):
            return None
        return self.ttft_s + max(0.0, tokens - 1) * (self.per_token_s or 0.0)


def known_from(path: Path) -> Mapping[str, Known]:
    """Return what a file of records, a folder of them, or the output of ``tercet status --json`` tells, by model.

    Raises OSError, and ValueError where it is neither.
    """
    if not (path.is_file() or path.is_dir()):
        path.stat()
        raise ValueError("is neither a file nor a folder; write what a pipe brings to a file first")
    status = _status(path)
    if status is not None:
        return {name: _of_pool(pool) for name, pool in status.pools.items()}
    lines = lines_of(path)
    found = by_model(lines)
    if not found and lines.malformed:
        raise ValueError("holds neither records nor the output of `tercet status --json`")
    return {name: speed.known() for name, speed in found.items()}


def by_model(records: Iterable[Record] | Lines) -> dict[str, Speed]:
    """Return the figures of every model that answered."""
    found: dict[str, Speed] = {}
    for record in records:
        if record.model:
            found.setdefault(record.model, Speed()).take(record)
    return found


class _Latency(msgspec.Struct):
    p50_s: Annotated[float, msgspec.Meta(ge=0)] | None = None


class _Pool(msgspec.Struct):
    ttft: _Latency | None = None
    tpot: _Latency | None = None


class _Status(msgspec.Struct):
    pools: dict[str, _Pool]


def _status(path: Path) -> _Status | None:
    """Return the status in a file, None where it holds something else; raises ValueError for one of another shape."""
    if path.is_dir() or path.stat().st_size > _MOST_STATUS:
        return None
    data = path.read_bytes()
    try:
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(told, dict) or "pools" not in told:
        return None
    try:
        return msgspec.convert(told, _Status)
    except msgspec.ValidationError as error:
        raise ValueError(f"is not what `tercet status --json` prints ({error}); print it anew") from None


def _of_pool(pool: _Pool) -> Known:
    return Known(
        ttft_s=pool.ttft.p50_s if pool.ttft else None,
        per_token_s=pool.tpot.p50_s if pool.tpot else None,
        source="median of the running cluster",
    )
