"""vLLM's waiting requests in two parts: order, levels, and that none is lost."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.engines.fair_tags import LEVEL
from deployments.scheduling.lateness import TURN

pytestmark = [pytest.mark.e2e]
_numbers = count()


def queue(policy: str = "fcfs") -> Any:
    from vllm.v1.core.sched.request_queue import SchedulingPolicy  # noqa: PLC0415 - heavy

    from deployments.engines.vllm_waiting import PunctualQueue  # noqa: PLC0415

    return PunctualQueue(SchedulingPolicy(policy))


def request(name: str = "", *, priority: int = 0) -> Any:
    from vllm.sampling_params import SamplingParams  # noqa: PLC0415
    from vllm.v1.request import Request  # noqa: PLC0415

    number = next(_numbers)
    return Request(
        request_id=name or f"r{number}", prompt_token_ids=[1, 2], sampling_params=SamplingParams(max_tokens=1),
        pooling_params=None, arrival_time=float(number), priority=priority,
    )  # fmt: skip


def drained(waiting: Any) -> list[str]:
    names = []
    while waiting:
        names.append(waiting.peek_request().request_id)
        assert waiting.pop_request().request_id == names[-1]
    return names


@pytest.mark.parametrize("policy", ["fcfs", "priority"])
def test_late_ones_go_behind_those_that_come_later(policy: str) -> None:
    """Each part in its own order."""
    waiting = queue(policy)
    for name in ("late1", "late2", "a", "b"):
        waiting.add_request(request(name))
    waiting.let_late_wait(lambda one: one.request_id.startswith("late"))
    waiting.add_request(request("c"))
    assert len(waiting) == 5
    assert [one.request_id for one in waiting] == ["a", "b", "c", "late1", "late2"]
    assert drained(waiting) == ["a", "b", "c", "late1", "late2"]


def test_a_late_one_goes_in_its_turn() -> None:
    """However many are in time."""
    waiting = queue()
    waiting.add_request(request("late"))
    waiting.let_late_wait(lambda _: True)
    for _ in range(2 * TURN):
        waiting.add_request(request())
    assert drained(waiting).index("late") == TURN - 1


def test_a_higher_level_of_priority_goes_first_late_or_not() -> None:
    """Tags of turns order the requests of one level only."""
    waiting = queue("priority")
    waiting.add_request(request("late high", priority=-LEVEL + 5))
    waiting.let_late_wait(lambda _: True)
    for name, tag in (("in time", 7), ("earlier tag", 3)):
        waiting.add_request(request(name, priority=tag))
    assert drained(waiting) == ["late high", "earlier tag", "in time"]


def test_what_was_only_looked_at_goes_back_to_where_it_was() -> None:
    """vLLM puts back what it has to skip in a step."""
    waiting = queue()
    for name in ("late1", "late2"):
        waiting.add_request(request(name))
    waiting.let_late_wait(lambda _: True)
    waiting.add_request(request("a"))
    skipped = [waiting.pop_request() for _ in range(2)]
    waiting.prepend_requests(reversed(skipped))
    assert [one.request_id for one in waiting] == ["a", "late1", "late2"]
    preempted = request("preempted")
    waiting.prepend_request(preempted)
    assert waiting.peek_request() is preempted


@given(st.lists(st.sampled_from(["add", "late", "pop", "remove"]), max_size=60), st.sampled_from(["fcfs", "priority"]))
def test_nothing_is_lost_or_taken_twice(moves: list[str], policy: str) -> None:
    """Whatever comes, goes and is late."""
    waiting, inside = queue(policy), []
    for move in moves:
        if move == "add":
            inside.append(one := request(priority=len(inside) % 3))
            waiting.add_request(one)
        elif move == "late":
            late = {one.request_id for one in inside[::2]}
            waiting.let_late_wait(lambda one, late=late: one.request_id in late)
        elif inside and move == "pop":
            inside.remove(waiting.pop_request())
        elif inside:
            waiting.remove_request(inside.pop())
        assert len(waiting) == len(inside)
        assert bool(waiting) == bool(inside)
    assert sorted(drained(waiting)) == sorted(one.request_id for one in inside)
