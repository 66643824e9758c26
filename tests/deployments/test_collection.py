"""A process that streams is seldom stopped by the collector, and cycles are still found."""

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from deployments.collection import collect_seldom


@pytest.fixture(autouse=True)
def _afterwards_as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


class _Stream:
    pass


def _streams() -> int:
    """Return how often the collector looks while ten thousand objects come to live."""
    before = [generation["collections"] for generation in gc.get_stats()]
    kept = [[] for _ in range(9_000)]
    looked = sum(now["collections"] for now in gc.get_stats()) - sum(before)
    kept.clear()
    return looked


def test_what_lives_is_seldom_walked() -> None:
    gc.set_threshold(700, 10, 10)
    often = _streams()
    collect_seldom()
    assert _streams() <= 1 < often


def test_cycles_are_still_found() -> None:
    collect_seldom()
    one = _Stream()
    one.itself = one  # type: ignore[attr-defined]
    gone = ref(one)
    del one
    kept: list[list[int]] = []
    while gone() is not None and len(kept) < 1_000_000:
        kept.append([])
    assert gone() is None
