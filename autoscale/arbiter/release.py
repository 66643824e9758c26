"""Which replicas leave, so that whole machines become empty and can be returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoscale.arbiter.claim import Claim
from autoscale.arbiter.machines import Machine

Releases = dict[str, list[str]]


def release(room: Sequence[Machine], leaving: Mapping[str, int], claims: Sequence[Claim]) -> Releases:
    """Take parts of replicas off the machines, so many of each pool; return by pool the machines, in order.

    First the machines that can be emptied, those of the most GPUs for the fewest replicas before others; what is left
    to take comes from the machines that are nearest to empty.
    """
    sizes = {claim.pool: claim for claim in claims}
    left = {pool: count for pool, count in leaving.items() if count > 0}
    taken: Releases = {pool: [] for pool in left}
    while left:
        machine = next(iter(sorted(_emptiable(room, left), key=_price)), None)
        if machine is None:
            break
        for pool, count in tuple(machine.seats.items()):
            _take(machine, sizes[pool], count, left, taken)
    for pool in sorted(left):
        while left.get(pool):
            seated = [machine for machine in room if pool in machine.seats]
            if not seated:
                break
            _take(min(seated, key=lambda one: (sum(one.seats.values()), one.name)), sizes[pool], 1, left, taken)
    return taken


def _emptiable(room: Sequence[Machine], left: Mapping[str, int]) -> list[Machine]:
    """Return the machines on which nothing lies but what leaves."""
    return [one for one in room if one.seats and all(left.get(pool, 0) >= count for pool, count in one.seats.items())]


def _price(machine: Machine) -> tuple[float, int, str]:
    """Return the place in the order: replicas per GPU that becomes free, then replicas."""
    replicas = sum(machine.seats.values())
    return replicas / (machine.size or 1.0), replicas, machine.name


def _take(machine: Machine, claim: Claim, count: int, left: dict[str, int], taken: Releases) -> None:
    machine.take(claim, -count)
    taken[claim.pool] += [machine.name] * count
    left[claim.pool] -= count
    if not left[claim.pool]:
        del left[claim.pool]
