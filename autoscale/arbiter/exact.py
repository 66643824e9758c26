"""The allocation that costs least, by mixed-integer programming (HiGHS through scipy).

Priorities come one after the other: what the higher ones lose is minimised first and then kept as it is (lexicographic
optimisation), so no weight has to stand for "before everybody else". Within one, losses are convex and therefore
linear over single replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from autoscale.arbiter.claim import Claim
from autoscale.arbiter.machines import Machine
from autoscale.arbiter.problem import Problem, missed

_KEPT_WITHIN = 1e-6
# Larger programs would only run into the time limit.
_MOST_VARIABLES = 2_000
# So many missed replicas are priced one by one.
_ONE_BY_ONE = 8
# The same answer on every machine that is not too slow for the time limit.
_MOST_NODES = 200


@dataclass(slots=True)
class Program:
    """A mixed-integer program under construction: columns with bounds, and sparse rows with bounds."""

    integer: list[int] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    rows: list[dict[int, float]] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def column(self, upper: float, *, whole: bool = True) -> int:
        """Add a variable in [0, *upper*] and return its number."""
        self.integer.append(int(whole))
        self.upper.append(upper)
        return len(self.upper) - 1

    def row(self, terms: dict[int, float], low: float = -float("inf"), high: float = float("inf")) -> None:
        """Keep a sum of variables between bounds."""
        self.rows.append(terms)
        self.low.append(low)
        self.high.append(high)


@dataclass(slots=True)
class _Columns:
    """One pool's variables: replicas missed, running ones taken, and new ones.

    ``missed`` says of each column how many are missed before it: the first ones have a column each, later ones share.
    """

    claim: Claim
    missed: dict[int, int]
    taken: int | None
    new: int | None
    most: int = 0

    def terms(self, each: float) -> dict[int, float]:
        """Return *each* times the number of replicas given, but for the number wanted."""
        return dict.fromkeys(self.missed, -each)

    def loss(self, switching: float) -> dict[int, float]:
        """Return what the pool loses; *each* missing replica costs more than the one before it."""
        claim = self.claim
        ends = [*list(self.missed.values())[1:], self.most] if self.missed else []
        terms = {
            column: (missed(claim, end) - missed(claim, begin)) / (end - begin)
            for (column, begin), end in zip(self.missed.items(), ends, strict=True)
        }
        return terms if self.taken is None else {**terms, self.taken: switching * claim.price}


def solve(problem: Problem, limit_s: float) -> dict[str, int] | None:
    """Return the best allocation found; None where there is none in *limit_s* seconds, or no scipy."""
    if all(claim.wanted == _least(problem, claim) for claim in problem.claims):
        return {claim.pool: claim.wanted for claim in problem.claims}
    if limit_s <= 0 or _size(problem) > _MOST_VARIABLES:
        return None
    program, columns = Program(), list[_Columns]()
    for claim in problem.claims:
        columns.append(_columns(program, problem, claim))
    if problem.machines is not None:
        _seat(program, columns, problem.machines)
    _budget(program, problem, columns)
    return _by_priority(program, problem, columns, limit_s)


def _least(problem: Problem, claim: Claim) -> int:
    """Return the fewest replicas that a pool may get."""
    return claim.floor if problem.evict else max(claim.floor, claim.kept)


def _size(problem: Problem) -> int:
    """Return about how many variables it takes to say where every new part goes."""
    growing = sum(claim.wanted > claim.kept for claim in problem.claims)
    return growing * len(problem.machines or ())


def _columns(program: Program, problem: Problem, claim: Claim) -> _Columns:
    """Add a pool's variables: given = wanted - missed = kept - taken + new."""
    least = _least(problem, claim)
    most = claim.wanted - least
    short = {program.column(end - begin, whole=False): begin for begin, end in pairwise(_steps(most))}
    takable = max(0, claim.kept - least)
    taken = program.column(takable) if takable else None
    room = claim.wanted - claim.kept
    new = program.column(room) if room else None
    terms = dict.fromkeys(short, 1.0) | {at: sign for at, sign in ((taken, -1.0), (new, 1.0)) if at is not None}
    if terms:
        program.row(terms, room, room)
    if taken is not None and new is not None:  # to take one here and start one there would be a move
        either = program.column(1)
        program.row({new: 1.0, either: -float(room)}, high=0)
        program.row({taken: 1.0, either: float(takable)}, high=takable)
    return _Columns(claim, short, taken, new, most)


def _steps(most: int) -> list[int]:
    """Return 0, 1, 2, ... and from some number on ever longer steps, up to *most*."""
    steps = list(range(min(most, _ONE_BY_ONE) + 1))
    while steps[-1] < most:
        steps.append(min(most, steps[-1] + 2 * (steps[-1] - steps[-2])))
    return steps


def _seat(program: Program, columns: Sequence[_Columns], machines: Sequence[Machine]) -> None:
    """Give every new part a machine, and free those of replicas that are taken."""
    moves: dict[str, list[tuple[Claim, int, float]]] = {machine.name: [] for machine in machines}
    for one in columns:
        claim = one.claim
        leaving = {
            program.column(seats): machine
            for machine in machines
            if one.taken is not None and (seats := machine.seats.get(claim.pool, 0))
        }
        coming = {
            program.column(claim.parts * (claim.wanted - claim.kept)): machine
            for machine in machines
            if one.new is not None and _could_fit(claim, machine)
        }
        for sign, where in ((-1.0, leaving), (1.0, coming)):
            for column, machine in where.items():
                moves[machine.name].append((claim, column, sign))
        for counted, where in ((one.taken, leaving), (one.new, coming)):
            if counted is not None:
                program.row(dict.fromkeys(where, 1.0) | {counted: -float(claim.parts)}, 0, 0)
    for machine in machines:
        here = moves[machine.name]
        if any(sign > 0 for _, _, sign in here):
            program.row({column: sign * claim.gpus for claim, column, sign in here}, high=machine.gpus)
            program.row({column: sign * claim.cpus for claim, column, sign in here}, high=machine.cpus)


def _could_fit(claim: Claim, machine: Machine) -> bool:
    """Say whether a part fits once everything that lies there is gone, which is all that can be told before."""
    return bool(machine.fits(claim) or (machine.seats and machine.suits(claim)))


def _budget(program: Program, problem: Problem, columns: Sequence[_Columns]) -> None:
    wanted = {one.claim.pool: one.claim.wanted for one in columns}
    for left, size in ((problem.gpus_left(wanted), "whole_gpus"), (problem.cost_left(wanted), "price")):
        if left < 0:
            terms: dict[int, float] = {}
            for one in columns:
                terms |= one.terms(float(getattr(one.claim, size)))
            program.row(terms, high=left)


def _by_priority(
    program: Program, problem: Problem, columns: Sequence[_Columns], limit_s: float
) -> dict[str, int] | None:
    best, levels = None, sorted({one.claim.priority for one in columns}, reverse=True)
    for priority in levels:
        loss: dict[int, float] = {}
        for one in columns:
            if one.claim.priority == priority:
                loss |= one.loss(problem.switching)
        found = minimise(program, loss, limit_s / len(levels)) if loss else None
        if loss and found is None:
            return best
        if found is not None:
            value = sum(weight * found[column] for column, weight in loss.items())
            program.row(loss, high=value + _KEPT_WITHIN * max(1.0, abs(value)))
            best = {one.claim.pool: one.claim.wanted - round(sum(found[at] for at in one.missed)) for one in columns}
    return best


def minimise(program: Program, cost: dict[int, float], limit_s: float) -> Any | None:
    """Return the values of the variables at the least *cost*; None where none are found in time."""
    if limit_s <= 0:
        return None
    try:
        import numpy as np  # noqa: PLC0415 - a controller whose hardware suffices never loads the solver
        from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415
        from scipy.sparse import csr_matrix  # noqa: PLC0415
    except ImportError:
        return None
    weights = np.zeros(len(program.upper))
    weights[list(cost)] = list(cost.values())
    at = [(row, column, value) for row, terms in enumerate(program.rows) for column, value in terms.items()]
    rows, cols, values = zip(*at, strict=True) if at else ((), (), ())
    matrix = csr_matrix((values, (rows, cols)), shape=(len(program.rows), len(program.upper)))
    result = milp(
        weights,
        integrality=np.array(program.integer),
        bounds=Bounds(0, np.array(program.upper)),
        constraints=LinearConstraint(matrix, program.low, program.high) if program.rows else (),
        options={"time_limit": limit_s, "node_limit": _MOST_NODES, "mip_rel_gap": 1e-6},
    )
    return result.x
