"""A canary's gates: each says passed, failed, or that there is not enough to tell."""

from __future__ import annotations

from typing import NamedTuple

from deployments.canary import ArmCounts, Counts, Rule
from deployments.canary_progress import Progress
from deployments.signals import quantile


class Verdict(NamedTuple):
    """What one gate says: passed, failed, or None where there is not enough to tell."""

    passed: bool | None
    told: str


def judge(rule: Rule, progress: Progress) -> list[Verdict]:
    """Ask every gate."""
    gates, least = rule.gates, rule.min_requests
    seen, base = candidate(rule, progress), progress.whole.base
    verdicts: list[Verdict] = []
    if gates.errors_at_most is not None:
        verdicts.append(_errors(seen, gates.errors_at_most, least))
    if gates.errors_worse_by is not None:
        verdicts.append(_errors_beside(seen, base, gates.errors_worse_by, least))
    # A mirrored request is served last and by itself: its time to first token says nothing.
    if rule.stages[progress.index] > 0:
        verdicts.extend(_ttft(seen, base, rule))
    if gates.quality_at_least is not None:
        verdicts.append(_quality(progress.whole, gates.quality_at_least, least))
    return verdicts


def candidate(rule: Rule, progress: Progress) -> ArmCounts:
    """Return what the candidate did in this stage: for clients, or in a stage without any, for nobody."""
    return progress.here.candidate if rule.stages[progress.index] > 0 else progress.here.mirrored


def _errors(seen: ArmCounts, most: float, least: int) -> Verdict:
    share = seen.failed / max(seen.requests, least)
    told = f"errors {seen.failed} of {seen.requests}"
    if share > most:
        return Verdict(False, f"{told}, at most {most:.3%} of {max(seen.requests, least)} allowed")
    return Verdict(True if seen.requests >= least else None, told)


def _errors_beside(seen: ArmCounts, base: ArmCounts, more: float, least: int) -> Verdict:
    if min(seen.requests, base.requests) < least:
        return Verdict(None, f"errors of {seen.requests} requests to compare with {base.requests}, {least} needed")
    ours, theirs = seen.failed / seen.requests, base.failed / base.requests
    told = f"errors {ours:.3%} against {theirs:.3%}"
    return Verdict(ours <= theirs + more, told if ours <= theirs + more else f"{told}, {more:.3%} more allowed")


def _ttft(seen: ArmCounts, base: ArmCounts, rule: Rule) -> list[Verdict]:
    gates, least = rule.gates, rule.min_requests
    ours, theirs = quantile(seen.ttft, 0.95), quantile(base.ttft, 0.95)
    verdicts: list[Verdict] = []
    if gates.ttft_at_most_s is not None:
        if ours is None or seen.ttft.total < least:
            verdicts.append(Verdict(None, f"{seen.ttft.total} times to first token, {least} needed"))
        else:
            told = f"ttft p95 {ours:.3g} s, at most {gates.ttft_at_most_s:g} s allowed"
            verdicts.append(Verdict(ours <= gates.ttft_at_most_s, told))
    if gates.ttft_worse_by is not None:
        if ours is None or theirs is None or min(seen.ttft.total, base.ttft.total) < least:
            told = f"{seen.ttft.total} times to first token to compare with {base.ttft.total}, {least} needed"
            verdicts.append(Verdict(None, told))
        else:
            told = f"ttft p95 {ours:.3g} s against {theirs:.3g} s, {gates.ttft_worse_by:.3g} more allowed"
            verdicts.append(Verdict(ours <= theirs * (1 + gates.ttft_worse_by), told))
    return verdicts


def _quality(seen: Counts, least_quality: float, least: int) -> Verdict:
    if seen.judged < least:
        return Verdict(None, f"{seen.judged} mirrored answers judged, {least} needed")
    mean = seen.agreement / seen.judged
    return Verdict(mean >= least_quality, f"quality {mean:.3f}, at least {least_quality:g} wanted")
