"""What the queue that is there now asks for, whatever was forecast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# A backlog that outlasts a start is worked off within this share of one more.
_WORKED_OFF = 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The queue of one pool: requests in it beyond what its rate brings, and what goes in and out.

    ``coming_s`` is when each replica on its way will be ready, from now.
    """

    excess: float
    rate_rps: float
    per_replica_rps: float
    ready: int
    coming_s: Sequence[float]


def excess(held: int, rate_rps: float, ttft_s: float) -> float:
    """Return the requests without a first token beyond those that may be: what half of the TTFT budget brings."""
    return max(0.0, held - rate_rps * ttft_s / 2)


def drain_s(queue: Queue, until_s: float) -> float | None:
    """Return in how many seconds the excess is gone, with replicas that come meanwhile; None if not in *until_s*."""
    left, at_s, replicas = queue.excess, 0.0, queue.ready
    for event_s in [*(one for one in queue.coming_s if one < until_s), until_s]:
        spare = replicas * queue.per_replica_rps - queue.rate_rps
        if left <= 0 or (spare > 0 and left <= spare * (event_s - at_s)):
            return at_s + max(0.0, left) / spare if left > 0 else at_s
        left = max(0.0, left - spare * (event_s - at_s))
        at_s, replicas = event_s, replicas + 1
    return at_s if left <= 0 else None


def backlog(queue: Queue, until_s: float) -> float:
    """Return the excess that is left after *until_s* seconds."""
    left, at_s, replicas = queue.excess, 0.0, queue.ready
    for event_s in [*(one for one in queue.coming_s if one < until_s), until_s]:
        spare = replicas * queue.per_replica_rps - queue.rate_rps
        left = max(0.0, left - spare * (event_s - at_s))
        at_s, replicas = event_s, replicas + 1
    return left


def needed(queue: Queue, start_s: float) -> int:
    """Return the replicas, those on their way among them, that carry the rate and what is left of the queue.

    A replica asked for now comes after *start_s*: only what is still queued then is its work. The answer is an absolute
    number, so that asking again while replicas start adds nothing.
    """
    left = backlog(queue, start_s)
    return math.ceil((queue.rate_rps + left / max(1.0, start_s * _WORKED_OFF)) / queue.per_replica_rps - 1e-9)
