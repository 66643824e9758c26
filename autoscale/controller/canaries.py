"""Every canary of the fleet: what gateways counted, how far each has come, and what gateways are told."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from deployments.canary import CanaryReport, CanaryStage, Counts, Rule, stage_of
from deployments.canary_progress import Progress
from deployments.canary_steps import Action, Move, steer, step
from deployments.strict import nearest

log = logging.getLogger("tercet.autoscale")

FORGET_AFTER_S = 60.0
_KEPT = ("since_s", "answered_s", "index", "status", "held", "steps")
_MOST_KEPT = 200


@dataclass(slots=True)
class _Canary:
    node: str
    rule: Rule
    heard_s: float
    reason: str = ""
    counted: dict[str, tuple[float, Counts]] = field(default_factory=dict)


@dataclass(slots=True)
class Canaries:
    """Callers give the time, in Unix seconds. What gateways are told changes only with ``publish``.

    The progress of a canary that no gateway reports any more is kept: one that was rolled back, and is configured
    again as it was, stays rolled back.
    """

    _heard: dict[str, _Canary] = field(default_factory=dict)
    _progress: dict[str, Progress] = field(default_factory=dict)
    _told: dict[str, CanaryStage] = field(default_factory=dict)
    _kept: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def hear(self, gateway: str, reports: tuple[CanaryReport, ...], now_s: float) -> None:
        """Add what a gateway counted since its last report; its first one is only where counting begins."""
        for report in reports:
            canary = self._heard.setdefault(report.id, _Canary(node=report.node, rule=report.rule, heard_s=now_s))
            canary.rule, canary.heard_s = report.rule, now_s
            before = canary.counted.get(gateway)
            canary.counted[gateway] = (now_s, report.counts)
            progress = self._progress.setdefault(report.id, Progress(since_s=now_s))
            if before is not None:
                self._progress[report.id] = progress.counting(report.counts.minus(before[1]))

    def step(self, now_s: float) -> bool:
        """Decide on each; return whether there is something that is not kept and published yet."""
        self._forget(now_s)
        for known, one in self._heard.items():
            self._take(known, step(one.rule, self._progress[known], now_s))
        return self.plain() != self._kept or set(self._told) != set(self._heard)

    def steer(self, node: str, action: Action, now_s: float) -> str:
        """Do what an operator asks of the canary that runs in *node*; return why not, "" where it is done."""
        running = [known for known, one in self._heard.items() if one.node == node]
        if not running:
            return (
                f"no gateway has a canary named {node!r}; {nearest(node, {one.node for one in self._heard.values()})}"
            )
        known = max(running, key=lambda one: self._heard[one].heard_s)
        found = steer(self._heard[known].rule, self._progress[known], action, now_s)
        if isinstance(found, str):
            return f"{node} {found}"
        self._take(known, found)
        return ""

    def publish(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        """Let gateways know what was decided and is *kept*, in the plain form."""
        self._kept = dict(kept)
        told = {known: Progress(**kept[known]) for known in self._heard if known in kept}
        self._told = {known: _stage(self._heard[known], at) for known, at in told.items()}

    def stages(self) -> Mapping[str, CanaryStage]:
        """Return what gateways are to do."""
        return dict(self._told)

    def plain(self) -> dict[str, dict[str, Any]]:
        """Return how far each has come as plain JSON, without what was counted."""
        newest = sorted(self._progress, key=lambda known: -self._progress[known].since_s)[:_MOST_KEPT]
        return {known: {name: getattr(self._progress[known], name) for name in _KEPT} for known in newest}

    def take(self, plain: Mapping[str, Mapping[str, Any]]) -> None:
        """Take up what an earlier process had come to; counting begins again."""
        self._progress = {known: Progress(**fields) for known, fields in plain.items()}

    def status(self) -> dict[str, Any]:
        """Describe each as plain JSON."""
        return {
            one.node: {
                **asdict(_stage(one, at)),
                "held": one.rule.held or at.held,
                "since_s": at.since_s,
                "reason": one.reason,
                "candidate": {"ok": at.here.candidate.ok, "failed": at.here.candidate.failed},
                "mirrored": {"ok": at.here.mirrored.ok, "failed": at.here.mirrored.failed},
            }
            for known, one in sorted(self._heard.items(), key=lambda entry: entry[1].heard_s)
            for at in [self._progress[known]]
        }

    def _take(self, known: str, move: Move) -> None:
        canary, before, after = self._heard[known], self._progress[known], move.progress
        canary.reason, self._progress[known] = move.reason, after
        if replace(before, answered_s=after.answered_s, here=after.here, whole=after.whole) != after:
            fields = {
                "node": canary.node,
                "status": after.status,
                "from": _stage(canary, before).share,
                "to": _stage(canary, after).share,
                "held": after.held,
                "reason": move.reason,
            }
            log.info("canary_moved %s", " ".join(f"{key}={json.dumps(value)}" for key, value in fields.items()))

    def _forget(self, now_s: float) -> None:
        since_s = now_s - FORGET_AFTER_S
        self._heard = {known: one for known, one in self._heard.items() if one.heard_s >= since_s}
        for one in self._heard.values():
            one.counted = {name: heard for name, heard in one.counted.items() if heard[0] >= since_s}


def _stage(canary: _Canary, at: Progress) -> CanaryStage:
    return stage_of(canary.node, canary.rule.stages, at.index, at.status, at.steps)
