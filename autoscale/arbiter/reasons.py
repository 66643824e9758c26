"""Why a pool gets less than it asked for, in the words of the operator's own limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from autoscale.arbiter.claim import Claim
from autoscale.arbiter.machines import SLACK
from autoscale.arbiter.problem import Given, Problem
from autoscale.policy import PoolDecision

_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """One allocation: what was asked, what each pool gets in the end, what of that already, and what leaves whence."""

    problem: Problem
    granted: Given
    now: Given
    releases: Mapping[str, list[str]]


def told(ruling: Ruling, pool: str, asked: PoolDecision) -> PoolDecision:
    """Return the decision on one pool: what it gets now, and what binds where that is not what was asked."""
    granted, now, leave = ruling.granted[pool], ruling.now[pool], tuple(ruling.releases.get(pool, ()))
    if now == asked.replicas:
        return replace(asked, release=leave) if leave else asked
    claim = next(claim for claim in ruling.problem.claims if claim.pool == pool)
    rule, limit = _limit(ruling.problem, claim, ruling.granted)
    return replace(
        asked,
        replicas=now,
        reason=f"{asked.reason}; {_why(ruling, claim, limit)}",
        binds=rule,
        rejected=(*asked.rejected, f"{claim.wanted} replicas: {limit}"),
        numbers={**asked.numbers, "wanted_replicas": claim.wanted, "granted_replicas": granted},
        release=leave,
    )


def _why(ruling: Ruling, claim: Claim, limit: str) -> str:
    pool, granted, now = claim.pool, ruling.granted[claim.pool], ruling.now[claim.pool]
    drained = "until replicas that leave have drained"
    if granted == claim.wanted:
        return f"{pool} wants {claim.wanted}, has {now} {drained}"
    winners = _winners(ruling.problem, claim, ruling.granted)
    why = f"{limit} binds: {pool} wants {claim.wanted}, gets {granted}; {winners}"
    return f"{why}; {now} {drained}" if now < granted else why


def _limit(problem: Problem, claim: Claim, granted: Given) -> tuple[str, str]:
    """Return the key of the configuration that stands in the way, and how it reads."""
    more = {**granted, claim.pool: granted[claim.pool] + 1}
    if problem.gpus_left(more) < -SLACK and claim.gpus:
        return "gpus.max", f"gpus.max {problem.gpus:g}"
    if problem.cost_left(more) < -SLACK:
        return "cost_ceiling_per_hour", f"cost_ceiling_per_hour {problem.cost:g}"
    size = f"{claim.whole_gpus:g} GPUs" if claim.gpus else f"{claim.cpus * claim.parts:g} CPUs"
    return "inventory", f"no room for {size}{f' of {claim.kind}' if claim.kind else ''}"


def _winners(problem: Problem, claim: Claim, granted: Given) -> str:
    """Name those that got what this pool did not."""
    rivals = [one for one in problem.claims if one.pool != claim.pool and granted[one.pool] > 0 and _rivals(one, claim)]
    above = [one.pool for one in rivals if one.priority > claim.priority]
    if above:
        return f"{_list(above)} {'has' if len(above) == 1 else 'have'} higher priority"
    equal = [one.pool for one in rivals if one.priority == claim.priority]
    if equal:
        return f"shared with {_list(equal)} of the same priority"
    return "nobody has a claim before it"


def _rivals(one: Claim, other: Claim) -> bool:
    return bool((one.gpus and other.gpus) or (not one.gpus and not other.gpus) or one.cpus)


def _list(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
