"""Which of several whole answers is given, and what the client is told of the choice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from deployments.graph.grade import grade
from deployments.graph.wiring import Wiring
from deployments.nodes.ensemble.branches import Branch
from deployments.nodes.ensemble.vote import vote
from deployments.request import Context, Request


def most_common(answers: Sequence[Branch]) -> tuple[Branch, str]:
    """Return the answer that most agree on; of equally many, the one listed first."""
    poll = vote([one.said for one in answers])
    return answers[poll.chosen], f"chosen by {poll.votes} of {poll.of} votes"


async def best(
    name: str, judge: str, request: Request, answers: Sequence[Branch], context: Context, wiring: Wiring, *,
    wait_s: float,
) -> tuple[Branch, str]:  # fmt: skip
    """Return the answer that *judge* scores highest, each scored by itself so that their order plays no part.

    An answer without a score counts as the worst; where there is no score at all, the answer listed first is taken.
    """
    async with asyncio.TaskGroup() as judging:
        asked = [
            judging.create_task(
                grade(name, judge, request, one.held.text, context.fork(f"{name}.judge{at}"), wiring, wait_s=wait_s)
            )
            for at, one in enumerate(answers)
        ]
    grades = [task.result() for task in asked]
    chosen = max(range(len(grades)), key=lambda at: (_points(grades[at].score), -at))
    scores = ", ".join("none" if one.score is None else f"{one.score:.2f}" for one in grades)
    if grades[chosen].score is None:
        return answers[chosen], f"answered first of those listed: {grades[chosen].why}"
    return answers[chosen], f"chosen by judge {judge}: {scores}"


def _points(score: float | None) -> float:
    return -1.0 if score is None else score
