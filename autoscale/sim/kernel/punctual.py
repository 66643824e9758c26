"""Whom a replica takes next and how much of a prompt, by its targets: the engines' own rules, compiled."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from autoscale.sim.kernel.queues import step_behind
from autoscale.sim.kernel.records import NONE
from deployments.scheduling.lateness import is_late, late_is_next, prefill_s
from deployments.scheduling.pace import prompt_tokens

_is_late, _late_is_next, _prefill_s = njit(is_late), njit(late_is_next), njit(prefill_s)
_prompt_tokens = njit(prompt_tokens)


@njit
def budget_of(one: Any, requests: Any, engine: Any) -> int:
    """Return how many prompt tokens the coming step may compute."""
    budget = engine.budget - one.decoding
    if engine.pace_s == math.inf or one.decoding == 0 or budget <= 0:
        return budget
    if one.partial != NONE:
        before = requests[one.partial].computed
    elif one.waiting:
        before = requests[one.wait_head].cached
    elif one.late:
        before = requests[one.late_head].cached
    else:
        return budget
    left_s = engine.pace_s - _decode_s(one, engine)
    return _prompt_tokens(budget, left_s, float(before), engine.prefill_token_s, engine.prefill_context_s)


@njit
def let_late_wait(one: Any, requests: Any, engine: Any, at_s: float) -> None:
    """Where there is a slot, move requests at the queue's head behind the others that will be late anyway."""
    if engine.due_s == math.inf or one.running >= engine.slots:
        return
    while one.waiting:
        request = requests[one.wait_head]
        if request.generated > 0:  # it has had its first token
            return
        tokens = request.prompt - request.cached
        own_s = _prefill_s(float(tokens), float(request.cached), engine.prefill_token_s, engine.prefill_context_s)
        own_s += (tokens + engine.budget - 1) // engine.budget * _decode_s(one, engine)
        if not _is_late(at_s - request.arrival_s + engine.routing_s, own_s, engine.due_s):
            return
        step_behind(one, requests)


@njit
def may_overtake(one: Any, engine: Any) -> bool:
    """Say whether a request whose prompt finds no room will be late within steps, and one that fits be next."""
    return bool(one.waiting and one.running < engine.slots and engine.due_s < math.inf)


@njit
def late_next(one: Any) -> bool:
    """Say whether the next request to be taken is a late one."""
    return _late_is_next(one.waiting, one.late, one.preferred)


@njit
def _decode_s(one: Any, engine: Any) -> float:
    """Return the time of a step without prompts."""
    return engine.base_s + engine.sequence_s * one.decoding + engine.kv_token_s * one.kv
