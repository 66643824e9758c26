"""What the controller remembers of the reports it was sent."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field

from autoscale.heard import Heard, Reports, S
from autoscale.running_totals import RunningTotals
from deployments.signals import GatewaySignals, ReplicaSignals

log = logging.getLogger("tercet.autoscale")


def remember(reports: deque[Heard[S]], report: Heard[S], *, span_s: float, spacing_s: float) -> None:
    """Append *report* and drop what is older than *span_s*; reports stay when *spacing_s* apart, the newest always."""
    if len(reports) > 1 and reports[-1].at_s - reports[-2].at_s < spacing_s:
        reports.pop()
    reports.append(report)
    while len(reports) > 1 and reports[1].at_s <= report.at_s - span_s:
        reports.popleft()


@dataclass(slots=True)
class Memory:
    """Reports by sender; a sender is forgotten after *forget_after_s* seconds of silence."""

    span_s: float = 300.0
    spacing_s: float = 1.0
    forget_after_s: float = 60.0
    _replicas: dict[str, deque[Heard[ReplicaSignals]]] = field(default_factory=dict)
    _gateways: dict[str, deque[Heard[GatewaySignals]]] = field(default_factory=dict)
    _totals: RunningTotals = field(default_factory=RunningTotals)
    _listed: frozenset[str] = frozenset()

    def hear_replica(self, signals: ReplicaSignals, now_s: float) -> None:
        """Remember what a replica says."""
        self._hear(self._replicas, signals.replica, signals, now_s)
        self._totals.hear_replica(signals)

    def hear_gateway(self, signals: GatewaySignals, now_s: float) -> None:
        """Remember what a gateway says."""
        self._hear(self._gateways, signals.gateway, signals, now_s)
        self._totals.hear_gateway(signals)

    def forget(self, sender: str) -> None:
        """Forget a replica or gateway that is known to be gone."""
        self._replicas.pop(sender, None)
        self._gateways.pop(sender, None)
        self._totals.keep_only(self._gateways, self._replicas)

    def miss(self, listed: frozenset[str], silent_since_s: float) -> None:
        """Forget the gateways that Serve *listed* once and lists no more, if they have been silent since then.

        One that it has never listed is nobody whose end it could tell.
        """
        gone = [
            name
            for name, kept in self._gateways.items()
            if name in self._listed and name not in listed and kept[-1].at_s < silent_since_s
        ]
        for name in gone:
            log.info("gateway_gone gateway=%s", name)
            self.forget(name)
        self._listed = (self._listed | listed).intersection(self._gateways)

    def prune(self, now_s: float) -> None:
        """Forget who has been silent for too long."""
        since_s = now_s - self.forget_after_s
        self._replicas = {name: kept for name, kept in self._replicas.items() if kept[-1].at_s >= since_s}
        self._gateways = {name: kept for name, kept in self._gateways.items() if kept[-1].at_s >= since_s}
        self._totals.keep_only(self._gateways, self._replicas)

    def reports(self) -> Reports:
        """Return everything remembered; a view, good until the next report."""
        return Reports(replicas=self._replicas, gateways=self._gateways, totals=self._totals.read())

    def _hear(self, kept: dict[str, deque[Heard[S]]], sender: str, signals: S, now_s: float) -> None:
        report = Heard(at_s=now_s, signals=signals)
        remember(kept.setdefault(sender, deque()), report, span_s=self.span_s, spacing_s=self.spacing_s)
