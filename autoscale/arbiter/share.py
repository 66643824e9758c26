"""Which share of a pool's requests others should take while its own capacity is late."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from autoscale.arbiter.offered import Rate
from autoscale.arbiter.spec import BrownOutSpec

# Of the time to first token so much may be spent in a queue.
_QUEUED = 0.5
# Nothing is worth planning beyond this: capacity that nobody has promised is this late.
LATEST_S = 600.0
_LEAST = 0.02
# A share goes down only by steps that matter; each moves whole sessions.
_STEP = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """One pool under load: what comes, what waits, and what its ready replicas carry, all in requests.

    ``coming`` are the replicas on their way, each in how many seconds it will be ready, soonest first, and ``each_rps``
    is what one of them carries. ``ttft_s`` is the time to first token that the pool promises.
    """

    rate: Rate
    backlog: float
    ready_rps: float
    each_rps: float
    ttft_s: float
    coming: Sequence[float] = ()


def wanted(pressure: Pressure, spec: BrownOutSpec, *, active: bool) -> float:
    """Return the share, in [0, 1], that must move so that the rest fits; 0 where capacity is there in time.

    To begin takes more than to go on: the overload must be more than chance, and requests would miss their target
    before capacity comes, for longer than what is moved is worth.
    """
    over_rps = pressure.rate.rps + pressure.backlog / spec.recover - spec.fill * pressure.ready_rps
    if over_rps <= 0:
        return 0.0
    share = min(1.0, over_rps / pressure.rate.rps) if pressure.rate.rps > 0 else 1.0
    if not active and not worthwhile(pressure, spec, share):
        return 0.0
    return share if share >= _LEAST else 0.0


def worthwhile(pressure: Pressure, spec: BrownOutSpec, share: float) -> bool:
    """Say whether more requests would miss their target than those to be moved weigh, until capacity is there."""
    room = _QUEUED * pressure.ttft_s * pressure.ready_rps
    if pressure.backlog > room:
        breach_s = 0.0
    elif pressure.rate.low_rps <= pressure.ready_rps:
        return False
    else:
        breach_s = (room - pressure.backlog) / (pressure.rate.rps - pressure.ready_rps)
    late_s = late(pressure)
    return late_s > breach_s and 1 - breach_s / late_s > spec.price * share


def late(pressure: Pressure) -> float:
    """Return in how many seconds replicas that are on their way make up for what is missing."""
    missing_rps = pressure.rate.rps - pressure.ready_rps
    needed = math.ceil(missing_rps / pressure.each_rps - 1e-9) if pressure.each_rps > 0 else 1
    needed = max(1, needed)
    return min(LATEST_S, pressure.coming[needed - 1]) if len(pressure.coming) >= needed else LATEST_S


def steady(share: float, before: float) -> float:
    """Return the share to publish: up and to the end at once, down only by what is worth telling."""
    return before if 0 < share <= before < share + _STEP else share
