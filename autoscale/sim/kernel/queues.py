"""Requests in lists that are linked through their records."""

from __future__ import annotations

from typing import Any

from numba import njit

from autoscale.sim.kernel.records import NONE


@njit
def wait_last(one: Any, requests: Any, slot: int) -> None:
    """Put a request at the end of a replica's queue."""
    request = requests[slot]
    request.next = NONE
    if one.waiting:
        requests[one.wait_tail].next = slot
    else:
        one.wait_head = slot
    one.wait_tail = slot
    _count(one, request, 1)


@njit
def wait_first(one: Any, requests: Any, slot: int) -> None:
    """Put a request at the head of a replica's queue."""
    request = requests[slot]
    if one.waiting:
        request.next = one.wait_head
    else:
        request.next = NONE
        one.wait_tail = slot
    one.wait_head = slot
    _count(one, request, 1)


@njit
def next_waiting(one: Any, requests: Any) -> int:
    """Take the first request from a queue that is not empty."""
    slot = one.wait_head
    one.wait_head = requests[slot].next
    _count(one, requests[slot], -1)
    return slot


@njit
def step_behind(one: Any, requests: Any) -> None:
    """Move the first request of a queue that is not empty to the end of the late ones."""
    slot = next_waiting(one, requests)
    requests[slot].next = NONE
    if one.late:
        requests[one.late_tail].next = slot
    else:
        one.late_head = slot
    one.late_tail = slot
    one.late += 1
    one.queued_prompt += requests[slot].prompt


@njit
def next_late(one: Any, requests: Any) -> int:
    """Take the first of the late requests, of which there are some."""
    slot = one.late_head
    one.late_head = requests[slot].next
    one.late -= 1
    one.queued_prompt -= requests[slot].prompt
    return slot


@njit
def _count(one: Any, request: Any, by: int) -> None:
    one.waiting += by
    one.queued_prompt += by * request.prompt


@njit
def run_last(one: Any, requests: Any, slot: int) -> None:
    """Put a request at the end of the running set, which is in the order of admission."""
    request = requests[slot]
    request.next = NONE
    if one.running:
        request.previous = one.run_tail
        requests[one.run_tail].next = slot
    else:
        request.previous = NONE
        one.run_head = slot
    one.run_tail = slot
    one.running += 1


@njit
def stop_running(one: Any, requests: Any, slot: int) -> None:
    """Take a request out of the running set."""
    request = requests[slot]
    if request.previous == NONE:
        one.run_head = request.next
    else:
        requests[request.previous].next = request.next
    if request.next == NONE:
        one.run_tail = request.previous
    else:
        requests[request.next].previous = request.previous
    one.running -= 1


@njit
def hold(pool: Any, requests: Any, slot: int) -> None:
    """Put a request at the end of the gateway's queue."""
    requests[slot].next = NONE
    if pool.held:
        requests[pool.held_tail].next = slot
    else:
        pool.held_head = slot
    pool.held_tail = slot
    pool.held += 1


@njit
def next_held(pool: Any, requests: Any) -> int:
    """Take the first request from a gateway's queue that is not empty."""
    slot = pool.held_head
    pool.held_head = requests[slot].next
    pool.held -= 1
    return slot
