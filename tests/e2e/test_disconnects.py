"""A client that leaves frees vLLM's engine, at whatever point it leaves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.leaving import aborted, answered_after, callers, wait_until_all_held, wait_until_free, wait_until_held
from tests.serving import Serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

SLOTS = 8
LONG_TOKENS = 3_000
LONG_PROMPT = "word " * 7_000


def while_queued(one: Serving) -> int:
    """Two wait for a slot."""
    with callers(one, "dense", "Count.", SLOTS + 2, max_tokens=LONG_TOKENS, stream=True):
        wait_until_held(one, "dense", running=SLOTS, waiting=2)
    return SLOTS + 2


def mid_stream(one: Serving) -> int:
    """Every slot answers."""
    with callers(one, "dense", "Count.", SLOTS, max_tokens=LONG_TOKENS, stream=True) as all_of_them:
        for caller in all_of_them:
            caller.hear(2)
    return SLOTS


def before_a_whole_answer(one: Serving) -> int:
    """Nothing is sent until all of it is there."""
    with callers(one, "dense", "Count.", SLOTS, max_tokens=LONG_TOKENS):
        wait_until_held(one, "dense", running=SLOTS, waiting=0)
    return SLOTS


def with_several_choices(one: Serving) -> int:
    """A request of several sequences is one request."""
    with callers(one, "dense", "Count.", 1, max_tokens=LONG_TOKENS, n=4, stream=True) as (caller,):
        caller.hear(6)
    return 1


def during_prefill(one: Serving) -> int:
    """Long prompts are being read, and no token of theirs exists."""
    with callers(one, "dense", LONG_PROMPT, 3, max_tokens=LONG_TOKENS // 3, stream=True) as all_of_them:
        wait_until_all_held(one, "dense", 3)
        assert all_of_them[-1].heard_nothing
    return 3


@pytest.mark.parametrize(
    "leave", [while_queued, mid_stream, before_a_whole_answer, with_several_choices, during_prefill]
)
def test_leaving_frees_the_engine(
    surface: Serving, leave: Callable[[Serving], int], record_property: Callable[[str, object], None]
) -> None:
    """The engine counts who left and holds nothing any more; who comes next is answered as by an idle engine."""
    answered_after(surface, "dense")
    idle_s, before = answered_after(surface, "dense"), aborted(surface, "dense")
    count = leave(surface)
    next_s = answered_after(surface, "dense")
    record_property("freed_within_s", round(next_s - idle_s, 3))
    print(f"{leave.__name__}: answered after {next_s:.3f} s, idle {idle_s:.3f} s")  # noqa: T201 - the figure is the point
    wait_until_free(surface, "dense", before + count)
