"""Plans for long texts: every one holds its budget and its ratio, and ends in what can be read at once."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from deployments.nodes.longform.budget import Budget
from deployments.nodes.longform.plan import least, outline

laws = settings(deadline=None)
ROOMS = st.integers(64, 4000)
CASES = ROOMS.flatmap(
    lambda room: st.tuples(
        st.just(room),
        st.lists(st.integers(1, room), min_size=1, max_size=60),
        st.floats(0.001, 0.5),
        st.integers(1, 100_000),
        st.integers(1, 3000),
    )
)


@laws
@given(CASES)
def test_every_plan_holds_its_budget(case: tuple[int, list[int], float, int, int]) -> None:
    """Summaries of all levels and the writing together take no more than the budget."""
    room, sizes, ratio, budget, writing = case
    planned = outline(sizes, room=room, ratio=ratio, budget=budget, writing=writing)
    assume(planned is not None)
    assert planned is not None
    assert sum(sum(level.caps) for level in planned.levels) + planned.writing == planned.tokens <= budget
    assert planned.writing == writing
    assert planned.ratio <= ratio


@laws
@given(CASES)
def test_every_level_covers_the_one_before_within_the_ratio(case: tuple[int, list[int], float, int, int]) -> None:
    """Groups are runs without gaps that fit what is read at once; each summary is a share of what it sums up."""
    room, sizes, ratio, budget, writing = case
    planned = outline(sizes, room=room, ratio=ratio, budget=budget, writing=writing)
    assume(planned is not None)
    assert planned is not None
    read = sizes
    for level in planned.levels:
        assert [at for group in level.groups for at in group] == list(range(len(read)))
        sums = [sum(read[at] for at in group) for group in level.groups]
        assert all(size <= room for size in sums)
        assert all(cap <= max(1, ratio * size) for cap, size in zip(level.caps, sums, strict=True))
        read = list(level.caps)
    assert sum(read) <= room


def test_the_number_of_levels_follows_the_length() -> None:
    """A tenth of a tenth of a hundred thousand tokens fits where two thousand are read at once."""
    levels = {
        parts: len(planned.levels)
        for parts in (2, 10, 50, 500)
        if (planned := outline([2000] * parts, room=2000, ratio=0.1, budget=10**6, writing=1000))
    }
    assert levels == {2: 1, 10: 1, 50: 2, 500: 3}


def test_a_small_budget_shortens_the_summaries() -> None:
    """The ratio gives way to the budget, until summaries would say nothing."""
    planned = outline([2000] * 50, room=2000, ratio=0.1, budget=6000, writing=1000)
    assert planned is not None
    assert 0.04 < planned.ratio < 0.05
    assert outline([2000] * 50, room=2000, ratio=0.1, budget=1500, writing=1000) is None


@laws
@given(CASES)
def test_what_is_refused_by_its_length_alone_has_no_plan(case: tuple[int, list[int], float, int, int]) -> None:
    """However a text is split, a plan takes at least what its length says."""
    room, sizes, ratio, budget, writing = case
    if least(sum(sizes), room=room) > budget - writing:
        assert outline(sizes, room=room, ratio=ratio, budget=budget, writing=writing) is None


CALLS = st.lists(st.tuples(st.integers(1, 100), st.floats(0, 1), st.booleans()), max_size=30)


@laws
@given(CALLS, st.integers(0, 300))
def test_whatever_calls_take_the_budget_holds(calls: list[tuple[int, float, bool]], spare: int) -> None:
    """Calls that take less leave room for others, those that break cost all they were granted: never more in all."""
    planned = sum(cap for cap, _, _ in calls)
    budget = Budget(planned + spare, planned=planned)
    cost = 0
    for cap, share, breaks in calls:
        took = int(share * cap)
        if breaks:
            cost += cap
            if budget.grants(cap):
                budget.took(cap, took)
                cost += took
        else:
            budget.took(cap, took)
            cost += took
    assert cost <= planned + spare
