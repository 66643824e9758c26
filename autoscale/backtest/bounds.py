"""What no policy can do better than, on one trace: the load bound, OPT100 and OPT at a price."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autoscale.backtest.levels import Counts, Work, cost_s, missed_s, schedules

Switched = npt.NDArray[np.bool_]

# From a price at which almost nothing is worth a replica to one at which every second of work is.
PRICES = np.geomspace(0.3, 2000.0, 37)


def load_bound_s(work: Work) -> float:
    """Return all work over one replica's capacity, in replica-seconds: fractions of replicas, no starts."""
    return work.total_s


def opt100(work: Work) -> Counts:
    """Return the cheapest schedule that is at least the demand in every step.

    Level k stays on across a gap exactly when the gap is shorter than a start is dear.
    """
    need = np.maximum(work.least, np.ceil(work.replicas - 1e-9).astype(np.int64))
    counts = np.full(len(need), work.least, dtype=np.int64)
    for level in range(work.least + 1, int(need.max(initial=0)) + 1):
        counts += _bridged(need >= level, work.start_s / work.step_s)
    return counts


def _bridged(wanted: Switched, longest_steps: float) -> Switched:
    """Stay on in every gap shorter than *longest_steps*; the time before the first need and after the last is none."""
    on, steps = wanted.copy(), np.flatnonzero(wanted)
    gaps = np.diff(steps) - 1
    for at in np.flatnonzero((gaps > 0) & (gaps < longest_steps)):
        on[steps[at] : steps[at + 1]] = True
    return on


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Priced:
    """One schedule of the family: the price of missed work that it is cheapest at, and what it costs and misses."""

    price: float
    counts: Counts
    cost_s: float
    missed_share: float


def family(work: Work) -> tuple[Priced, ...]:
    """Return the cheapest schedule at each of ``PRICES``, from careless to careful."""
    found = schedules(work, PRICES.tolist())
    return tuple(
        Priced(
            price=float(price),
            counts=counts,
            cost_s=cost_s(work, counts),
            missed_share=missed_s(work, counts) / work.total_s if work.total_s else 0.0,
        )
        for price, counts in zip(PRICES, found, strict=True)
    )


def dual_s(work: Work, missed_share: float) -> float:
    """Return the highest of the bounds at all of ``PRICES``, in replica-seconds."""
    return max(dual_bound_s(work, one, missed_share) for one in family(work))


def dual_bound_s(work: Work, one: Priced, missed_share: float) -> float:
    """Return a lower bound, in replica-seconds, on every schedule that drops at most *missed_share* of the work.

    It is the Lagrangian's value at the schedule's price. It does not bound schedules that serve work late.
    """
    dual = one.cost_s + one.price * one.missed_share * work.total_s
    return dual - one.price * missed_share * work.total_s
