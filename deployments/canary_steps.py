"""How a canary goes from stage to stage: pure, with the time as an argument.

    running, stage 0 -> running, stage 1 -> … -> running, last stage -> promoted
           └──────────────────┴── a gate fails ──┴──> rolled_back

A stage is over when it has lasted long enough since the candidate first answered, enough requests were seen and every
gate is passed. A gate fails as soon as what was counted proves that its limit is exceeded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

from deployments.canary import Counts, Rule, Status
from deployments.canary_gates import candidate, judge
from deployments.canary_progress import Progress

Action = Literal["hold", "resume", "promote", "rollback", "restart"]


class Move(NamedTuple):
    """Where a canary is after a decision, and why it is there."""

    progress: Progress
    reason: str


def step(rule: Rule, progress: Progress, now_s: float) -> Move:
    """Decide once; a canary that is held, promoted or rolled back stays as it is."""
    if progress.status != "running":
        return Move(progress, progress.status)
    if progress.answered_s is None and candidate(rule, progress).ok:
        progress = replace(progress, answered_s=now_s)
    if rule.held or progress.held:
        return Move(progress, "held " + ("by the configuration" if rule.held else "by hand"))
    verdicts = judge(rule, progress)
    failed = [one.told for one in verdicts if one.passed is False]
    if failed:
        return _moved(progress, "; ".join(failed), now_s, status="rolled_back")
    missing = [*_missing(rule, progress, now_s), *(one.told for one in verdicts if one.passed is None)]
    if missing:
        return Move(progress, f"waits: {'; '.join(missing)}")
    return _onward(rule, progress, "; ".join(one.told for one in verdicts) or "no gate", now_s)


def steer(rule: Rule, progress: Progress, action: Action, now_s: float) -> Move | str:
    """Do what an operator asks, or return why not."""
    if action == "restart":
        return Move(Progress(since_s=now_s, steps=progress.steps + 1), "restarted by hand")
    if progress.status != "running":
        return f"is {progress.status.replace('_', ' ')}; restart begins it anew"
    if action == "rollback":
        return _moved(progress, "by hand", now_s, status="rolled_back")
    if action == "promote":
        return _onward(rule, progress, "by hand", now_s)
    held = action == "hold"
    return Move(replace(progress, held=held), "held by hand" if held else "resumed by hand")


def _missing(rule: Rule, progress: Progress, now_s: float) -> list[str]:
    seen = candidate(rule, progress).requests
    if progress.answered_s is None:
        return ["the candidate has answered nothing yet", f"{seen} of {rule.min_requests} requests"]
    lasted_s = now_s - progress.answered_s
    missing = [f"{lasted_s:.0f} of {rule.hold_each_s:g} s"] if lasted_s < rule.hold_each_s else []
    return [*missing, *([f"{seen} of {rule.min_requests} requests"] if seen < rule.min_requests else [])]


def _onward(rule: Rule, progress: Progress, reason: str, now_s: float) -> Move:
    if progress.index + 1 == len(rule.stages):
        return _moved(progress, reason, now_s, status="promoted")
    return _moved(progress, reason, now_s, index=progress.index + 1)


def _moved(
    progress: Progress, reason: str, now_s: float, *, status: Status = "running", index: int | None = None
) -> Move:
    at = progress.index if index is None else index
    after = replace(progress, since_s=now_s, answered_s=None, index=at, status=status, here=Counts())
    return Move(replace(after, steps=progress.steps + 1), reason)
