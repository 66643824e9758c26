"""Many pools, one inventory and budget: a policy around a policy that deals what is scarce."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from autoscale.arbiter.claim import Claim, claims
from autoscale.arbiter.exact import solve
from autoscale.arbiter.greedy import deal
from autoscale.arbiter.machines import Machine, limits, occupied
from autoscale.arbiter.problem import Given, Problem, cheaper, costs
from autoscale.arbiter.reasons import Ruling, told
from autoscale.arbiter.release import Releases, release
from autoscale.arbiter.spec import SharedSpec
from autoscale.fleet import Fleet
from autoscale.hardware import Inventory
from autoscale.policy import Decision, Policy


@dataclass(slots=True)
class Arbiter:
    """Pass the inner policy's numbers on where there is enough for all of them, and deal where there is not.

    The higher priority goes first; among equals those gain that miss most for what a replica costs. Nobody loses a
    running replica before somebody has been short for ``patience``, and then only where that is worth more than the
    switching. What others still hold is given once they have let go of it. A pool keeps its minimum whatever there is,
    and while it is ``blind`` what it has.
    """

    inner: Policy
    spec: SharedSpec
    _short_since: dict[str, float] = field(default_factory=dict)
    _solved: tuple[object, dict[str, int]] | None = None

    def decide(self, fleet: Fleet) -> Decision:
        """Answer for every pool together."""
        decision = self.inner.decide(fleet)
        if decision.pools.keys() != fleet.pools.keys():
            return decision  # whoever contains policies holds the pools that are missing
        inventory = limits(self.spec, fleet.inventory)
        if inventory is None and self.spec.gpus.max is None and self.spec.cost_ceiling_per_hour is None:
            return decision if fleet.inventory is None else self._released(fleet, decision)
        ruling = self._rule(fleet, decision, inventory)
        self._remember(ruling, fleet.at_s)
        return replace(decision, pools={name: told(ruling, name, asked) for name, asked in decision.pools.items()})

    def _released(self, fleet: Fleet, decision: Decision) -> Decision:
        """Deal nothing, and say only which machines the replicas should leave that go."""
        if fleet.inventory is None or all(
            told.replicas >= fleet.pools[name].target for name, told in decision.pools.items()
        ):
            return decision
        asked = claims(fleet, decision, _largest(fleet.inventory))
        leaving = {claim.pool: claim.parts * claim.surplus for claim in asked}
        gone = release(occupied(fleet.inventory, asked), leaving, asked)
        return replace(decision, pools={
            name: replace(told, release=tuple(gone.get(name, ()))) for name, told in decision.pools.items()
        })  # fmt: skip

    def _rule(self, fleet: Fleet, decision: Decision, inventory: Inventory | None) -> Ruling:
        asked = claims(fleet, decision, _largest(inventory))
        here = None if inventory is None else occupied(inventory, asked)
        problem = Problem(
            claims=asked,
            machines=None if here is None else _settled(here, asked),
            gpus=math.inf if self.spec.gpus.max is None else self.spec.gpus.max,
            cost=math.inf if self.spec.cost_ceiling_per_hour is None else self.spec.cost_ceiling_per_hour,
            switching=self.spec.arbiter.switching,
        )
        problem = replace(problem, evict=problem.overspent or self._impatient(fleet.at_s))
        granted = self._best(problem)
        return Ruling(
            problem=problem, granted=granted, now=_now(problem, here, granted), releases=_leave(here, asked, granted)
        )

    def _best(self, problem: Problem) -> dict[str, int]:
        """Return the exact allocation, the greedy one where that takes too long, or at once what is wanted."""
        dealt = deal(problem)
        if all(dealt[claim.pool] == claim.wanted for claim in problem.claims):
            return dealt
        asked = _key(problem)
        if self._solved is not None and self._solved[0] == asked:
            return self._solved[1]
        solved = solve(problem, self.spec.arbiter.solver)
        better = solved is not None and cheaper(costs(problem, solved), costs(problem, dealt))
        best = solved if better and solved is not None else dealt
        self._solved = asked, best
        return best

    def _impatient(self, at_s: float) -> bool:
        return any(at_s - since_s >= self.spec.arbiter.patience for since_s in self._short_since.values())

    def _remember(self, ruling: Ruling, at_s: float) -> None:
        short = [claim.pool for claim in ruling.problem.claims if ruling.now[claim.pool] < claim.wanted]
        self._short_since = {pool: self._short_since.get(pool, at_s) for pool in short}


def _largest(inventory: Inventory | None) -> float:
    """Return the GPUs of the largest machine, for replicas that take more."""
    if inventory is None:
        return math.inf
    nodes = [*inventory.nodes, *(node for node, _ in inventory.addable)]
    return max((node.gpus for node in nodes), default=math.inf) or math.inf


def _settled(here: list[Machine], asked: tuple[Claim, ...]) -> tuple[Machine, ...]:
    """Return the machines once everything has left that leaves by itself."""
    room = [machine.copy() for machine in here]
    release(room, {claim.pool: claim.parts * (claim.leaving + claim.surplus) for claim in asked}, asked)
    return tuple(room)


def _now(problem: Problem, here: list[Machine] | None, granted: Given) -> dict[str, int]:
    """Return what each pool can have at once: nothing that another replica has not left yet."""
    if all(not claim.leaving and granted[claim.pool] >= claim.has for claim in problem.claims):
        return dict(granted)
    still = tuple(
        replace(claim, wanted=max(granted[claim.pool], claim.has), floor=min(claim.floor, claim.has))
        for claim in problem.claims
    )
    draining = sum(claim.leaving * claim.whole_gpus for claim in still)
    paid = sum(claim.leaving * claim.price for claim in still)
    dealt = deal(replace(
        problem,
        claims=still,
        machines=None if here is None else tuple(here),
        gpus=max(problem.gpus - draining, sum(claim.has * claim.whole_gpus for claim in still)),
        cost=max(problem.cost - paid, sum(claim.has * claim.price for claim in still)),
        evict=False,
    ))  # fmt: skip
    return {
        claim.pool: max(claim.floor, min(granted[claim.pool], dealt[claim.pool]))
        for claim in problem.claims
    }  # fmt: skip


def _leave(here: list[Machine] | None, asked: tuple[Claim, ...], granted: Given) -> Releases:
    """Return the machines that replicas should leave which are to go and have not been told yet."""
    if here is None:
        return {}
    going = {claim.pool: claim.parts * max(0, claim.has - granted[claim.pool]) for claim in asked}
    return release([machine.copy() for machine in here], going, asked) if any(going.values()) else {}


def _key(problem: Problem) -> object:
    """Return what two problems have in common that have the same solution."""
    room = problem.machines or ()
    seats = tuple((one.name, one.kind, one.gpus, one.cpus, tuple(sorted(one.seats.items()))) for one in room)
    return problem.claims, seats, problem.machines is None, problem.gpus, problem.cost, problem.evict, problem.switching
