"""Exact and greedy allocations against all that there are, and against the clock."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscale.arbiter.claim import Claim
from autoscale.arbiter.exact import solve
from autoscale.arbiter.greedy import deal
from autoscale.arbiter.machines import Machine
from autoscale.arbiter.problem import Problem, cheaper, costs
from tests.autoscale.arbiter.dealing import arbiter, fleet, nodes, pool

ENOUGH_S = 10.0


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Draw up to three pools on up to three small machines, some replicas running, all of them possible."""
    sizes = [2, 4, 4][: draw(st.integers(1, 3))]
    room = [Machine(f"n{at}", "gpu", size, 100.0, size=size) for at, size in enumerate(sizes)]
    found = []
    for at in range(draw(st.integers(1, 3))):
        wanted = draw(st.integers(0, 4))
        one = Claim(
            pool=f"p{at}",
            wanted=wanted,
            gpus=draw(st.sampled_from([1.0, 2.0])),
            cpus=1.0,
            price=draw(st.sampled_from([1.0, 2.0])),
            priority=draw(st.integers(0, 1)),
        )
        running = 0
        for machine in room:
            seated = min(draw(st.integers(0, 2)), machine.fits(one), wanted - running)
            machine.take(one, seated)
            running += seated
        found.append(
            Claim(
                pool=one.pool, wanted=wanted, has=running, floor=0, gpus=one.gpus, cpus=one.cpus, price=one.price,
                priority=one.priority,
            )
        )  # fmt: skip
    gpus = draw(st.sampled_from([4.0, 6.0, float("inf")]))
    problem = Problem(claims=tuple(sorted(found, key=lambda one: -one.priority)), machines=tuple(room), gpus=gpus)
    evict = problem.overspent or draw(st.booleans())
    return Problem(claims=problem.claims, machines=problem.machines, gpus=gpus, evict=evict)


def possible(problem: Problem) -> Iterator[dict[str, int]]:
    """Yield every allocation that the limits allow."""
    ranges = [range(0 if problem.evict else claim.kept, claim.wanted + 1) for claim in problem.claims]
    for counts in itertools.product(*ranges):
        given_ = {claim.pool: count for claim, count in zip(problem.claims, counts, strict=True)}
        if problem.affordable(given_) and packs(problem, given_):
            yield given_


def packs(problem: Problem, given_: dict[str, int]) -> bool:
    """Say whether some way to take replicas away, and to place new ones, keeps every machine's limits."""
    room = [machine.copy() for machine in problem.machines or ()]
    going = [claim for claim in problem.claims for _ in range(claim.kept - given_[claim.pool])]
    coming = [claim for claim in problem.claims for _ in range(given_[claim.pool] - claim.kept)]
    return _removable(going, coming, room)


def _removable(going: list[Claim], coming: list[Claim], room: list[Machine]) -> bool:
    if not going:
        return _placeable(coming, room)
    first, rest = going[0], going[1:]
    for at, machine in enumerate(room):
        if machine.seats.get(first.pool, 0):
            trial = [one.copy() for one in room]
            trial[at].take(first, -1)
            if _removable(rest, coming, trial):
                return True
    return False


def _placeable(coming: list[Claim], room: list[Machine]) -> bool:
    if not coming:
        return True
    first, rest = coming[0], coming[1:]
    for at, machine in enumerate(room):
        if machine.fits(first):
            trial = [one.copy() for one in room]
            trial[at].take(first, 1)
            if _placeable(rest, trial):
                return True
    return False


def scalar(problem: Problem, given_: dict[str, int]) -> float:
    """Return the loss of all pools in one number, to compare by how much."""
    return sum(weight * cost for weight, cost in zip((100.0, 1.0), costs(problem, given_), strict=False))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(problem=problems())
def test_the_exact_allocation_is_the_best_there_is(problem: Problem) -> None:
    """No allocation of all possible ones costs less, the higher priority first."""
    found = solve(problem, ENOUGH_S)
    assert found is not None
    options = list(possible(problem))
    assert found in options
    assert not any(cheaper(costs(problem, option), costs(problem, found)) for option in options)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(problem=problems())
def test_the_greedy_allocation_keeps_every_limit(problem: Problem) -> None:
    """It is one of those that are possible, and no worse than to leave everything as it is."""
    dealt = deal(problem)
    assert dealt in list(possible(problem))
    kept = {claim.pool: claim.kept for claim in problem.claims}
    if problem.affordable(kept):
        assert not cheaper(costs(problem, kept), costs(problem, dealt))


def test_the_greedy_allocation_is_near_the_best() -> None:
    """Over many scarce problems of one priority it gives up little of what the best one gives."""
    rng, lost, best = random.Random(7), 0.0, 0.0
    for _ in range(60):
        problem = drawn(rng, pools=6, machines=4, priorities=1)
        exact = solve(problem, ENOUGH_S)
        assert exact is not None
        nothing = {claim.pool: 0 for claim in problem.claims}
        worth = costs(problem, nothing)[0]
        best += worth - costs(problem, exact)[0]
        lost += costs(problem, deal(problem))[0] - costs(problem, exact)[0]
    assert 0 <= lost < 0.03 * best


def drawn(rng: random.Random, *, pools: int, machines: int, priorities: int) -> Problem:
    """Draw pools of 1, 2, 4 and 8 GPUs that want about twice what there is."""
    wanted = max(1, round(2 * 8 * machines / pools / 3.75))
    claims = tuple(
        Claim(
            pool=f"p{at}", wanted=rng.randint(1, 2 * wanted), gpus=float(size), cpus=1.0, price=float(size),
            priority=rng.randrange(priorities),
        )
        for at, size in ((at, rng.choice([1, 2, 4, 8])) for at in range(pools))
    )  # fmt: skip
    room = tuple(Machine(f"n{at}", "gpu", 8.0, 100.0, size=8.0) for at in range(machines))
    return Problem(claims=tuple(sorted(claims, key=lambda one: -one.priority)), machines=room)


@pytest.mark.parametrize("scarce", [False, True])
def test_decides_for_a_thousand_replicas_of_fifty_pools_in_time(scarce: bool) -> None:
    """A tenth of a second holds with room to spare, scarce or not, and the greedy allocation alone takes half of it."""
    rng = random.Random(3)
    pools, wants = {}, {}
    placed: dict[str, dict[str, int]] = {f"n{at}": {} for at in range(150)}
    for at in range(50):
        name, size = f"p{at}", float(rng.choice([1, 1, 1, 2]))
        pools[name] = pool(20, gpus=size, priority=at % 3)
        wants[name] = 20 + (rng.randint(0, 6) if scarce else rng.randint(-2, 0))
        for replica in range(20):
            node = placed[f"n{(at * 20 + replica) % 150}"]
            node[name] = node.get(name, 0) + 1
    asked = arbiter(wants, inventory="observed", arbiter={"patience": 0})
    taken = []
    for tick in range(6):
        # Different every time, so that nothing is remembered.
        asked.inner.replicas = {**wants, "p0": wants["p0"] + tick} if scarce else wants  # type: ignore[attr-defined]
        present = fleet(pools, at_s=float(tick), inventory=nodes(*[10.0] * 150, placed=placed))
        began_s = time.perf_counter()
        asked.decide(present)
        taken.append(time.perf_counter() - began_s)
    assert sorted(taken)[len(taken) // 2] < 0.3, taken
