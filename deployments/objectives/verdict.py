"""Whether one request kept a goal. Pure: what happened in, a verdict out."""

from __future__ import annotations

from http import HTTPStatus

from deployments.errors import by_code
from deployments.objectives.spec import Goal
from deployments.telemetry.outcome import Outcome


def kept(goal: Goal, entry: str, ended: Outcome) -> bool | None:
    """Say whether a request that entered by *entry* was good; None where it does not count for *goal*.

    A client that leaves says nothing, unless it had waited for longer than was promised.
    """
    if goal.entries and entry not in goal.entries:
        return None
    late = _late(goal, ended)
    if ended.ok:
        return not late
    if ended.left:
        return False if late else None
    return False if by_code(ended.outcome).status >= HTTPStatus.INTERNAL_SERVER_ERROR else None


def _late(goal: Goal, ended: Outcome) -> bool:
    if goal.first_token is not None:
        return (ended.duration_s if ended.ttft_s is None else ended.ttft_s) > goal.first_token
    return goal.whole is not None and ended.duration_s > goal.whole
