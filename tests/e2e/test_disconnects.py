"""A client that leaves frees vLLM's engine, at whatever point it leaves."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.leaving import callers, leave_in_every_way
from tests.serving import Serving, chat

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

SLOTS = 8
LONG_TOKENS = 3_000
LONG_PROMPT = "word " * 7_000


def while_queued(one: Serving) -> int:
    """Two wait for a slot."""
    with callers(one, "dense", "Count.", SLOTS + 2, max_tokens=LONG_TOKENS, stream=True) as all_of_them:
        assert sum(caller.heard_nothing for caller in all_of_them) >= 2
    return SLOTS + 2


def mid_stream(one: Serving) -> int:
    """Every slot answers."""
    with callers(one, "dense", "Count.", SLOTS, max_tokens=LONG_TOKENS, stream=True) as all_of_them:
        for caller in all_of_them:
            caller.hear(2)
    return SLOTS


def before_a_whole_answer(one: Serving) -> int:
    """Nothing is sent until all of it is there."""
    with callers(one, "dense", "Count.", SLOTS, max_tokens=LONG_TOKENS) as all_of_them:
        assert all(caller.heard_nothing for caller in all_of_them)
    return SLOTS


def with_several_choices(one: Serving) -> int:
    """A request of several sequences is one request."""
    with callers(one, "dense", "Count.", 1, max_tokens=LONG_TOKENS, n=4, stream=True) as (caller,):
        caller.hear(6)
    return 1


def during_prefill(one: Serving) -> int:
    """Long prompts are being read, and no token exists of the last."""
    with callers(one, "dense", LONG_PROMPT, 3, max_tokens=LONG_TOKENS // 3, stream=True) as all_of_them:
        assert all_of_them[-1].heard_nothing
    return 3


def test_leaving_frees_the_engine(surface: Serving, record_property: Callable[[str, object], None]) -> None:
    """The engine counts who left and holds nothing any more; who comes next does not wait for what was left to do."""
    began_s = time.monotonic()
    assert chat(surface.url, "dense", "Count.", max_tokens=50, ignore_eos=True).status_code == 200
    left_to_do_s = (time.monotonic() - began_s) * LONG_TOKENS / 50
    ways = [while_queued, mid_stream, before_a_whole_answer, with_several_choices, during_prefill]
    later_s = leave_in_every_way(surface, "dense", ways)
    record_property("answered_later_s", later_s)
    print(f"answered later than at an idle engine, in seconds: {later_s}")  # noqa: T201 - the figure is the point
    assert max(later_s.values()) < left_to_do_s / 10
