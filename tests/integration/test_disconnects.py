"""A client that leaves, at whatever point, frees the engine: counted in the engine, and felt by who comes next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.leaving import aborted, answered_after, callers, wait_until_free, wait_until_held
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
    """Two wait behind a third that holds the only slot; the waiting ones leave first."""
    with callers(one, "dense", "go", 3, max_tokens=LONG_TOKENS, stream=True):
        wait_until_held(one, "dense", running=1, waiting=2)
    return 3


def mid_stream(one: Serving) -> int:
    """The answer is on its way."""
    with callers(one, "dense", "go", 1, max_tokens=LONG_TOKENS, stream=True) as (caller,):
        caller.hear(3)
    return 1


def before_a_whole_answer(one: Serving) -> int:
    """Nothing is sent until all of it is there."""
    with callers(one, "dense", "go", 1, max_tokens=LONG_TOKENS):
        wait_until_held(one, "dense", running=1, waiting=0)
    return 1


def during_prefill(one: Serving) -> int:
    """A long prompt is being read; no token exists."""
    with callers(one, "dense", LONG_PROMPT, 1, max_tokens=LONG_TOKENS, stream=True) as (caller,):
        wait_until_held(one, "dense", running=1, waiting=0)
        assert caller.heard_nothing
    return 1


@pytest.mark.parametrize("leave", [while_queued, mid_stream, before_a_whole_answer, during_prefill])
def test_leaving_frees_the_engine(
    cluster: Serving, leave: Callable[[Serving], int], record_property: Callable[[str, object], None]
) -> None:
    """Whoever comes next waits no longer than at an idle engine, beside a small part of what was left to do."""
    idle_s, before = answered_after(cluster, "dense"), aborted(cluster, "dense")
    count = leave(cluster)
    next_s = answered_after(cluster, "dense")
    record_property("freed_within_s", round(next_s - idle_s, 3))
    print(f"{leave.__name__}: answered after {next_s:.3f} s, idle {idle_s:.3f} s")  # noqa: T201 - the figure is the point
    assert next_s - idle_s < LONG_S / 10
    wait_until_free(cluster, "dense", before + count)


def test_who_stays_is_not_counted(cluster: Serving) -> None:
    """An answer that comes to its end was not ended early."""
    before = aborted(cluster, "dense")
    answered_after(cluster, "dense")
    wait_until_free(cluster, "dense", before)
