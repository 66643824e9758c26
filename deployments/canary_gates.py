"""A canary's gates: each says passed, failed, or that it cannot be told yet.

One fails when the counts prove that its limit is exceeded (canary_evidence), and is passed when enough was seen and the
figure itself is within the limit. In between the canary waits: a few failures by chance give no candidate up.
"""

from __future__ import annotations

from typing import NamedTuple

from deployments.canary import ArmCounts, Counts, Rule
from deployments.canary_evidence import at_most, exceeds
from deployments.canary_progress import Progress
from deployments.canary_ttft import LATE, bucket, later_than, proven_within


class Verdict(NamedTuple):
    """What one gate says: passed, failed, or None where it cannot be told yet."""

    passed: bool | None
    told: str


def judge(rule: Rule, progress: Progress) -> list[Verdict]:
    """Ask every gate."""
    gates, least = rule.gates, rule.min_requests
    seen, whole, share = candidate(rule, progress), progress.whole, rule.stages[progress.index]
    # Earlier stages have passed what is compared; a controller that begins anew at 100 % has nothing left to compare.
    alone = share >= 1
    verdicts: list[Verdict] = []
    if gates.errors_at_most is not None:
        verdicts.append(_errors(seen, gates.errors_at_most, least))
    if gates.errors_worse_by is not None and not (alone and whole.base.requests < least):
        verdicts.append(_errors_beside(seen, whole.base, gates.errors_worse_by, least))
    # A mirrored request is served last and by itself: its time to first token says nothing.
    if share > 0 and gates.ttft_at_most_s is not None:
        verdicts.append(_ttft(seen, gates.ttft_at_most_s, least))
    if share > 0 and gates.ttft_worse_by is not None and not (alone and whole.base.ttft.total < least):
        verdicts.append(_ttft_beside(seen, whole.base, gates.ttft_worse_by, least))
    if gates.quality_at_least is not None and not (alone and whole.judged < least):
        verdicts.append(_quality(whole, gates.quality_at_least, least))
    return verdicts


def candidate(rule: Rule, progress: Progress) -> ArmCounts:
    """Return what the candidate did in this stage: for clients, or in a stage without any, for nobody."""
    return progress.here.candidate if rule.stages[progress.index] > 0 else progress.here.mirrored


def _verdict(told: str, limit: str, *, broken: bool, enough: bool, within: bool) -> Verdict:
    if broken:
        return Verdict(False, f"{told}, {limit}")
    if not within:
        return Verdict(None, f"{told}, {limit}, which may be chance")
    return Verdict(True if enough else None, told)


def _errors(seen: ArmCounts, most: float, least: int) -> Verdict:
    return _verdict(
        f"errors {seen.failed} of {seen.requests}",
        f"at most {most:.3%} allowed",
        broken=exceeds(seen.failed, seen.requests, most),
        enough=seen.requests >= least,
        within=seen.failed <= most * seen.requests,
    )


def _errors_beside(seen: ArmCounts, base: ArmCounts, more: float, least: int) -> Verdict:
    if min(seen.requests, base.requests) < least:
        return Verdict(None, f"errors of {seen.requests} requests to compare with {base.requests}, {least} needed")
    ours, theirs = seen.failed / seen.requests, base.failed / base.requests
    # The first is asked for because it is quick, and without it the second cannot hold.
    beyond = exceeds(seen.failed, seen.requests, theirs + more)
    return _verdict(
        f"errors {ours:.3%} against {theirs:.3%}",
        f"{more:.3%} more allowed",
        broken=beyond and exceeds(seen.failed, seen.requests, at_most(base.failed, base.requests) + more),
        enough=True,
        within=ours <= theirs + more,
    )


def _ttft(seen: ArmCounts, most_s: float, least: int) -> Verdict:
    if seen.ttft.total < least:
        return Verdict(None, f"{seen.ttft.total} times to first token, {least} needed")
    late = later_than(seen.ttft, most_s)
    return _verdict(
        f"ttft p95 {bucket(seen.ttft)}",
        f"at most {most_s:g} s allowed",
        broken=exceeds(late, seen.ttft.total, LATE),
        enough=True,
        within=late <= LATE * seen.ttft.total,
    )


def _ttft_beside(seen: ArmCounts, base: ArmCounts, more: float, least: int) -> Verdict:
    if min(seen.ttft.total, base.ttft.total) < least:
        told = f"{seen.ttft.total} times to first token to compare with {base.ttft.total}, {least} needed"
        return Verdict(None, told)
    ours, theirs, proven_s = bucket(seen.ttft), bucket(base.ttft), proven_within(base.ttft)
    late = later_than(seen.ttft, proven_s * (1 + more))
    return _verdict(
        f"ttft p95 {ours} against {theirs}",
        f"{more:.3g} more allowed",
        broken=exceeds(late, seen.ttft.total, LATE),
        enough=True,
        within=ours.above_s <= theirs.at_most_s * (1 + more),
    )


def _quality(seen: Counts, least_quality: float, least: int) -> Verdict:
    if seen.judged < least:
        return Verdict(None, f"{seen.judged} mirrored answers judged, {least} needed")
    mean = seen.agreement / seen.judged
    return _verdict(
        f"quality {mean:.3f}",
        f"at least {least_quality:g} wanted",
        broken=exceeds(seen.judged - seen.agreement, seen.judged, 1 - least_quality),
        enough=True,
        within=mean >= least_quality,
    )
