"""A client that leaves, at whatever point, frees the engine: counted in the engine, and felt by who comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.leaving import callers, leave_in_every_way
from tests.serving import Serving, serving

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

STEP_S, LONG_TOKENS = 0.05, 600
LONG_S = STEP_S * LONG_TOKENS
LONG_PROMPT = "word " * 6_000  # 7,500 tokens, read at 2 ms each
CONFIG: dict[str, Any] = {
    "models": {
        "dense": {
            "family": "dense",
            "source": "synthetic",
            "runtime": "synthetic",
            "synthetic": {
                "slots": 1,
                "step": {"base_ms": 1000 * STEP_S, "per_prefill_token_us": 2000},
                "prefill_tokens_per_step": 50,
            },
            "max_waiting": 8,
        }
    }
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(CONFIG, tmp_path_factory.mktemp("serve"), ready_within_s=120) as one:
        yield one


def while_queued(one: Serving) -> int:
    """Two wait for the only slot."""
    with callers(one, "dense", "go", 3, max_tokens=LONG_TOKENS, stream=True) as all_of_them:
        assert sum(caller.heard_nothing for caller in all_of_them) == 2
    return 3


def mid_stream(one: Serving) -> int:
    """The answer is on its way."""
    with callers(one, "dense", "go", 1, max_tokens=LONG_TOKENS, stream=True) as (caller,):
        caller.hear(3)
    return 1


def before_a_whole_answer(one: Serving) -> int:
    """Nothing is sent until all of it is there."""
    with callers(one, "dense", "go", 1, max_tokens=LONG_TOKENS) as (caller,):
        assert caller.heard_nothing
    return 1


def during_prefill(one: Serving) -> int:
    """A long prompt is being read, and others wait; no token exists."""
    with callers(one, "dense", LONG_PROMPT, 4, max_tokens=LONG_TOKENS, stream=True) as all_of_them:
        assert all(caller.heard_nothing for caller in all_of_them)
    return 4


def test_leaving_frees_the_engine(cluster: Serving, record_property: Callable[[str, object], None]) -> None:
    """Whoever comes next waits but for a small part of what was left to do, and the engine has counted who left."""
    ways = [while_queued, mid_stream, before_a_whole_answer, during_prefill]
    later_s = leave_in_every_way(cluster, "dense", ways)
    record_property("answered_later_s", later_s)
    print(f"answered later than at an idle engine, in seconds: {later_s}")  # noqa: T201 - the figure is the point
    assert max(later_s.values()) < LONG_S / 10
