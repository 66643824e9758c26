"""What another thread changes can be looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deployments.engines.snapshot import snapshot
from deployments.engines.synthetic_batch import Batch, Sequence


@dataclass
class Changing:
    """A collection that changes during so many iterations."""

    times: int

    def __iter__(self) -> Iterator[int]:
        yield 1
        self.times -= 1
        if self.times >= 0:
            raise RuntimeError("changed size during iteration")

    def __len__(self) -> int:
        return 1

    def __contains__(self, one: object) -> bool:
        return one == 1


def test_one_change_is_tried_again_and_two_are_heard_of() -> None:
    """It does not look for ever."""
    assert snapshot(Changing(1)) == (1,)
    with pytest.raises(RuntimeError, match="changed"):
        snapshot(Changing(2))


def test_the_copy_stays_as_it_was() -> None:
    """Of whatever the engines keep."""
    for changing in (deque([1, 2]), {1: None, 2: None}.keys(), {1, 2}):
        assert sorted(snapshot(changing)) == [1, 2]


def test_a_batch_may_grow_while_its_cache_is_counted() -> None:
    """The event loop admits a sequence while the heartbeat's thread looks."""
    batch = Batch(slots=9, kv_tokens=1000, prefill_tokens_per_step=100)

    class Meanwhile(Sequence):
        @property
        def context(self) -> int:
            batch.running[Sequence(prompt_tokens=5, output_tokens=1)] = None
            return 10

    batch.running[Meanwhile(prompt_tokens=10, output_tokens=1)] = None
    assert batch.kv_held == 11
    assert len(batch.running) == 2
