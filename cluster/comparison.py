"""Compare the arms of an experiment by the records of their requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from cluster.confidence import (
    Estimate,
    mean,
    mean_difference,
    quantile,
    quantile_difference,
    share,
    share_difference,
)
from cluster.price import Price, cost
from deployments.errors import Invalid, by_code
from deployments.telemetry.records import CANCELLED, OK, Record

By = Literal["split", "shadow", "model", "entry", "tenant"]


@dataclass(slots=True)
class Arm:
    """The figures of one arm's requests.

    What the client did wrong or did not wait for says nothing of the server and is neither a success nor a failure.
    Latencies and tokens are those of answers that came to their end.
    """

    requests: int = 0
    ok: int = 0
    failed: int = 0
    cancelled: int = 0
    ttft_s: list[float] = field(default_factory=list)
    duration_s: list[float] = field(default_factory=list)
    prompt_tokens: list[float] = field(default_factory=list)
    completion_tokens: list[float] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    score: list[float] = field(default_factory=list)

    def take(self, record: Record, prices: Mapping[str, Price]) -> None:
        """Add one record."""
        self.requests += 1
        self.cancelled += record.outcome == CANCELLED
        self.failed += record.outcome not in {OK, CANCELLED} and not issubclass(by_code(record.outcome), Invalid)
        if record.score is not None:
            self.score.append(record.score)
        if record.outcome == OK:
            self._answered(record, prices.get(record.model))

    def _answered(self, record: Record, price: Price | None) -> None:
        self.ok += 1
        self.duration_s.append(record.duration_s)
        self.completion_tokens.append(record.completion_tokens)
        if record.ttft_s is not None:
            self.ttft_s.append(record.ttft_s)
        if record.prompt_tokens is not None:
            self.prompt_tokens.append(record.prompt_tokens)
        if price is not None:
            self.cost.append(cost(price, record.prompt_tokens or 0, record.completion_tokens))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One line of a comparison: how an arm is measured, and a second arm against it."""

    name: str
    of: Callable[[Arm], Estimate | None]
    difference: Callable[[Arm, Arm], Estimate | None]


def _share(name: str, count: Callable[[Arm], int], total: Callable[[Arm], int]) -> Measure:
    return Measure(
        name=name,
        of=lambda arm: share(count(arm), total(arm)),
        difference=lambda one, other: share_difference(count(one), total(one), count(other), total(other)),
    )


def _quantile(name: str, values: Callable[[Arm], list[float]], q: float) -> Measure:
    return Measure(
        name=name,
        of=lambda arm: quantile(values(arm), q),
        difference=lambda one, other: quantile_difference(values(one), values(other), q),
    )


def _mean(name: str, values: Callable[[Arm], list[float]]) -> Measure:
    return Measure(
        name=name,
        of=lambda arm: mean(values(arm)),
        difference=lambda one, other: mean_difference(values(one), values(other)),
    )


MEASURES: tuple[Measure, ...] = (
    _share("error_share", lambda arm: arm.failed, lambda arm: arm.ok + arm.failed),
    _share("cancelled_share", lambda arm: arm.cancelled, lambda arm: arm.requests),
    _quantile("ttft_p50_s", lambda arm: arm.ttft_s, 0.5),
    _quantile("ttft_p95_s", lambda arm: arm.ttft_s, 0.95),
    _quantile("duration_p50_s", lambda arm: arm.duration_s, 0.5),
    _quantile("duration_p95_s", lambda arm: arm.duration_s, 0.95),
    _mean("prompt_tokens", lambda arm: arm.prompt_tokens),
    _mean("completion_tokens", lambda arm: arm.completion_tokens),
    _mean("cost", lambda arm: arm.cost),
    _mean("score", lambda arm: arm.score),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One experiment: each arm's figures, and by how much each other arm exceeds the *baseline*."""

    name: str
    baseline: str
    requests: Mapping[str, int]
    arms: Mapping[str, Mapping[str, Estimate | None]]
    differences: Mapping[str, Mapping[str, Estimate | None]]


def gathered(
    records: Iterable[Record], by: By, prices: Mapping[str, Price], scores: Mapping[str, float]
) -> dict[str, dict[str, Arm]]:
    """Return the arms of every experiment by name; *scores* by request id stand above those of the records."""
    found: dict[str, dict[str, Arm]] = {}
    for record in records:
        scored = record
        if record.kind == "request" and record.request_id in scores:
            scored = replace(record, score=scores[record.request_id])
        for experiment, arm in _places(record, by):
            found.setdefault(experiment, {}).setdefault(arm, Arm()).take(scored, prices)
    return found


def _places(record: Record, by: By) -> Iterator[tuple[str, str]]:
    if by in {"split", "shadow"}:
        if record.kind == ("shadow" if by == "shadow" else "request"):
            yield from record.arms.items()
    elif record.kind == "request":
        yield by, {"model": record.model, "entry": record.entry, "tenant": record.tenant}[by] or "(none)"


def compared(name: str, arms: Mapping[str, Arm], baseline: str = "") -> Compared:
    """Compare the arms of one experiment; without a *baseline* the arm with the most requests is it."""
    base = baseline or max(arms, key=lambda arm: arms[arm].requests)
    return Compared(
        name=name,
        baseline=base,
        requests={arm: figures.requests for arm, figures in arms.items()},
        arms={arm: {measure.name: measure.of(figures) for measure in MEASURES} for arm, figures in arms.items()},
        differences={
            arm: {measure.name: measure.difference(arms[base], figures) for measure in MEASURES}
            for arm, figures in arms.items()
            if arm != base
        },
    )
