"""One replica after the other to whoever misses it most: feasible at once, near the optimum, in milliseconds."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from autoscale.arbiter.claim import Claim
from autoscale.arbiter.machines import SLACK, Machine, seat
from autoscale.arbiter.problem import Problem, gain

# A decision that takes more replicas from others than this leaves the rest to the next one.
MOST_EVICTIONS = 16


@dataclass(slots=True)
class Dealing:
    """An allocation while it is being made."""

    problem: Problem
    given: dict[str, int] = field(init=False)
    room: list[Machine] | None = field(init=False)
    gpus: float = field(init=False)
    cost: float = field(init=False)
    _able: dict[str, list[Machine]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problem = self.problem
        self.given = {claim.pool: claim.kept for claim in problem.claims}
        self.room = None if problem.machines is None else [machine.copy() for machine in problem.machines]
        self.gpus, self.cost = problem.gpus_left(self.given), problem.cost_left(self.given)

    def affords(self, claim: Claim) -> bool:
        """Say whether the budget has one more replica of *claim*."""
        return self.gpus >= claim.whole_gpus - SLACK and self.cost >= claim.price - SLACK

    def grant(self, claim: Claim) -> bool:
        """Give one more replica if there is budget and room."""
        if not self.affords(claim) or not self._seated(claim):
            return False
        self.move(claim, 1)
        return True

    def _seated(self, claim: Claim) -> bool:
        """Seat one replica, in the fullest machine that has room for it."""
        if self.room is None:
            return True
        if claim.parts > 1:
            self.freed()
            return seat_apart(claim, self.room)
        before = self._able.get(claim.pool, self.room)
        able = self._able[claim.pool] = [machine for machine in before if machine.has_room(claim)]
        if able:
            min(able, key=_fullest).take(claim, 1)
        return bool(able)

    def freed(self) -> None:
        """Look at every machine again: one that was full may be so no longer, or be another object."""
        self._able = {}

    def move(self, claim: Claim, replicas: int) -> None:
        """Count replicas given, or with a negative number taken."""
        self.given[claim.pool] += replicas
        self.gpus -= replicas * claim.whole_gpus
        self.cost -= replicas * claim.price


def seat_apart(claim: Claim, room: list[Machine]) -> bool:
    """Seat one replica of several parts, or nothing where there is no room for all of them."""
    trial = [machine.copy() for machine in room]
    if seat(claim, claim.parts, trial):
        return False
    room[:] = trial
    return True


def _fullest(machine: Machine) -> tuple[bool, bool, float, float]:
    return not machine.there, not machine.seats, machine.gpus, machine.cpus


def deal(problem: Problem) -> dict[str, int]:
    """Return how many replicas each pool gets; a floor is given even where nothing is left."""
    dealing = Dealing(problem)
    _trim(dealing)
    for claim in problem.claims:
        while dealing.given[claim.pool] < claim.floor and dealing.grant(claim):
            pass
    _grow(dealing)
    if problem.evict:
        _exchange(dealing)
    return {claim.pool: max(claim.floor, dealing.given[claim.pool]) for claim in problem.claims}


def _trim(dealing: Dealing) -> None:
    """Take from those who lose least until the budget is kept."""
    while dealing.gpus < -SLACK or dealing.cost < -SLACK:
        able = [
            claim
            for claim in dealing.problem.claims
            if dealing.given[claim.pool] > claim.floor and (claim.whole_gpus or dealing.cost < -SLACK)
        ]
        if not able:
            return
        _evict(dealing, min(able, key=lambda claim: _spare(claim, dealing.given[claim.pool])))


def _grow(dealing: Dealing) -> None:
    waiting = [_turn(claim, dealing.given[claim.pool]) for claim in dealing.problem.claims]
    heapq.heapify(waiting)
    by_name = {claim.pool: claim for claim in dealing.problem.claims}
    while waiting:
        claim = by_name[heapq.heappop(waiting)[-1]]
        if dealing.given[claim.pool] < claim.wanted and dealing.grant(claim):
            heapq.heappush(waiting, _turn(claim, dealing.given[claim.pool]))


def _turn(claim: Claim, given: int) -> tuple[int, float, str]:
    """Return the place in the queue: by priority, then by what a replica is worth for what it costs."""
    return -claim.priority, -gain(claim, given) / claim.price, claim.pool


def _spare(claim: Claim, given: int) -> tuple[int, float]:
    """Return the place among those who can give: by priority, then by what the last replica is worth."""
    return claim.priority, gain(claim, given - 1) / claim.price


def _exchange(dealing: Dealing) -> None:
    left = MOST_EVICTIONS
    for claim in sorted(dealing.problem.claims, key=lambda one: _turn(one, dealing.given[one.pool])):
        while left > 0 and dealing.given[claim.pool] < claim.wanted and claim.parts == 1:
            victims = _cheapest(dealing, claim)
            if victims is None or len(victims) > left:
                break
            for victim, where in victims:
                _evict(dealing, victim, where)
            left -= len(victims)
            if not dealing.grant(claim):
                break


Victims = list[tuple[Claim, Machine | None]]


def _cheapest(dealing: Dealing, claim: Claim) -> Victims | None:
    """Return whom to take one replica each from for one of *claim*; None where nobody should lose that much."""
    options = [_victims(dealing, claim, where) for where in (dealing.room if dealing.room is not None else [None])]
    able = [option for option in options if option is not None]
    return min(able, key=lambda option: _loss(dealing, option), default=None)


def _victims(dealing: Dealing, claim: Claim, where: Machine | None) -> Victims | None:
    found: Victims = []
    trial = _Trial(claim, where.copy() if where is not None else None, dealing.gpus, dealing.cost)
    for victim in _losers(dealing, claim):
        here = dealing.given[victim.pool] - victim.floor
        here = here if where is None else min(here, where.seats.get(victim.pool, 0))
        while here > 0 and not trial.enough():
            found.append((victim, where))
            trial.lose(victim)
            here -= 1
    return found if found and trial.enough() and _worthwhile(dealing, claim, found) else None


@dataclass(slots=True)
class _Trial:
    """What is left on one machine and of the budget while replicas are taken away for one of *claim*."""

    claim: Claim
    machine: Machine | None
    gpus: float
    cost: float

    def enough(self) -> bool:
        room = self.machine is None or self.machine.has_room(self.claim)
        return room and self.gpus >= self.claim.whole_gpus - SLACK and self.cost >= self.claim.price - SLACK

    def lose(self, victim: Claim) -> None:
        self.gpus, self.cost = self.gpus + victim.whole_gpus, self.cost + victim.price
        if self.machine is not None:
            self.machine.take(victim, -1)


def _losers(dealing: Dealing, claim: Claim) -> Iterator[Claim]:
    """Yield whom one could take from, those who lose least first."""
    others = [one for one in dealing.problem.claims if one.pool != claim.pool and one.priority <= claim.priority]
    yield from sorted((one for one in others if one.parts == 1), key=lambda one: _spare(one, dealing.given[one.pool]))


def _worthwhile(dealing: Dealing, claim: Claim, victims: Victims) -> bool:
    loss = _loss(dealing, victims)
    return loss[0] < claim.priority or loss[1] < gain(claim, dealing.given[claim.pool]) - SLACK


def _loss(dealing: Dealing, victims: Victims) -> tuple[int, float]:
    """Return the highest priority that loses, and how much those of that priority do."""
    highest, total, given = max(victim.priority for victim, _ in victims), 0.0, dict(dealing.given)
    for victim, _ in victims:
        given[victim.pool] -= 1
        if victim.priority == highest:
            running = given[victim.pool] < victim.kept
            total += gain(victim, given[victim.pool]) + running * dealing.problem.switching * victim.price
    return highest, total


def _evict(dealing: Dealing, victim: Claim, where: Machine | None = None) -> None:
    dealing.move(victim, -1)
    dealing.freed()
    if dealing.room is None:
        return
    if where is None:
        seated = [machine for machine in dealing.room if victim.pool in machine.seats]
        where = min(seated, key=lambda machine: sum(machine.seats.values()), default=None)
    if where is not None:
        where.take(victim, -victim.parts if victim.parts == 1 else -min(victim.parts, where.seats[victim.pool]))
