"""What has been heard from replicas and gateways, newest last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from autoscale.running_totals import PoolTotals
from deployments.signals import GatewaySignals, ReplicaSignals

S = TypeVar("S", ReplicaSignals, GatewaySignals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Generic[S]):
    """One report, and when it came in by the listener's clock: a sender whose clock is wrong is not silent."""

    at_s: float
    signals: S


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Each sender's reports by its name, oldest first, never empty; ``totals`` by pool, of all gateways ever heard."""

    replicas: Mapping[str, Sequence[Heard[ReplicaSignals]]] = field(default_factory=dict)
    gateways: Mapping[str, Sequence[Heard[GatewaySignals]]] = field(default_factory=dict)
    totals: Mapping[str, PoolTotals] = field(default_factory=dict)


def window(reports: Sequence[Heard[S]], now_s: float, window_s: float) -> tuple[S, S]:
    """Return the newest report and the one that the last *window_s* seconds began with, which may be the same."""
    newest = began = reports[-1]
    for report in reversed(reports):  # windows are short and memories long
        if report.at_s < now_s - window_s:
            break
        began = report
    return newest.signals, began.signals
