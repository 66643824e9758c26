"""The decoding sequences of a replica, in a heap by the step that makes their last token."""

from __future__ import annotations

from typing import Any

from numba import njit

# A key is the step above these bits and the request's slot in them, so that equal steps have one order.
SLOT_BITS = 31
_SLOT = (1 << SLOT_BITS) - 1


@njit
def slot_of(key: int) -> int:
    """Return the request's slot."""
    return key & _SLOT


@njit
def step_of(key: int) -> int:
    """Return the step."""
    return key >> SLOT_BITS


@njit
def push(heap: Any, size: int, step: int, slot: int) -> None:
    """Add to a heap that has *size* entries."""
    heap[size] = (step << SLOT_BITS) | slot
    _rise(heap, size)


@njit
def remove(heap: Any, size: int, at: int) -> int:
    """Take the entry at *at* out of a heap that has *size* entries, and return its key."""
    key = heap[at]
    last = heap[size - 1]
    if at < size - 1:
        heap[at] = last
        _rise(heap, at)
        _sink(heap, size - 1, at)
    return key


@njit
def find(heap: Any, size: int, step: int, slot: int) -> int:
    """Return where the entry of a request is."""
    key = (step << SLOT_BITS) | slot
    for at in range(size):
        if heap[at] == key:
            return at
    return -1


@njit
def _rise(heap: Any, at: int) -> None:
    key = heap[at]
    while at > 0:
        above = (at - 1) >> 1
        if heap[above] <= key:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = key


@njit
def _sink(heap: Any, size: int, at: int) -> None:
    key = heap[at]
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= key:
            break
        heap[at] = heap[below]
        at = below
    heap[at] = key
