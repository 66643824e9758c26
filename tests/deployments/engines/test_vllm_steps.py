"""A step's work and time from the figures that vLLM reports of it; that vLLM reports them is tested with the engine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deployments.engines.vllm_backlog import backlog
from deployments.engines.vllm_steps import VllmSteps


class Kept:
    """Keeps steps instead of adding them up."""

    def __init__(self) -> None:
        self.steps: list[tuple[float, ...]] = []

    def add(self, seconds: float, *, prefill: float, prefill_context: float, sequences: float, kv: float) -> None:
        self.steps.append((seconds, prefill, prefill_context, sequences, kv))


def engine() -> tuple[VllmSteps, list[tuple[float, ...]]]:
    kept = Kept()
    steps = VllmSteps(kept)  # type: ignore[arg-type]
    steps.kv_tokens, steps.block_tokens = 1000, 17
    return steps, kept.steps


def scheduler(
    *, context: tuple[int, int] = (0, 0), decoding: tuple[int, int] = (0, 0), running: int = 1, waiting: int = 0,
    kv: float = 0.1, drafts: int | None = None, dummy: bool = False,
) -> Any:  # fmt: skip
    """Return scheduler statistics: requests and tokens in prefill and in decode, and what is left after the step."""
    details = SimpleNamespace(
        is_dummy=dummy,
        num_ctx_requests=context[0],
        num_ctx_tokens=context[1],
        num_generation_requests=decoding[0],
        num_generation_tokens=decoding[1],
    )
    return SimpleNamespace(
        iteration_details=details,
        num_running_reqs=running,
        num_waiting_reqs=waiting,
        kv_cache_usage=kv,
        spec_decoding_stats=None if drafts is None else SimpleNamespace(num_draft_tokens=drafts),
    )


def iteration(*, gaps: tuple[float, ...] = (), firsts: int = 0, computed: int = 0, cached: int = 0) -> Any:
    told = SimpleNamespace(computed=computed, cached_tokens=cached)
    return SimpleNamespace(
        inter_token_latencies_iter=gaps, time_to_first_tokens_iter=[1.0] * firsts, prompt_token_stats=told
    )


def test_decoding_is_timed_by_the_engines_clock() -> None:
    """By the shortest gap between a sequence's tokens, and with the KV tokens held before the step."""
    steps, seen = engine()
    steps.step(scheduler(context=(2, 50), running=2, kv=0.1), iteration(firsts=2, computed=50), 1.0)
    steps.step(scheduler(decoding=(2, 2), running=2, kv=0.2), iteration(gaps=(0.02, 0.03)), 1.5)
    assert seen == [(0.02, 0, 0, 2, 100 - 2 * 16 / 2)]


def test_a_step_after_idleness_is_left_out() -> None:
    """When it began is not known; a waiting request is work as well as a running one."""
    steps, seen = engine()
    steps.step(scheduler(decoding=(1, 1), running=0), iteration(gaps=(0.02,)), 1.0)
    steps.step(scheduler(context=(1, 10), running=0, waiting=1), iteration(firsts=1, computed=10), 9.0)
    assert seen == []
    steps.step(scheduler(context=(1, 10)), iteration(firsts=1, computed=10), 9.25)
    assert seen == [(0.25, 10, 50, 0, 0)]


def test_a_prompt_in_parts_attends_to_what_came_before() -> None:
    """100 tokens as 40, 40 and 20, of a prompt of which 30 more were cached, beside a whole one of 10."""
    steps, seen = engine()
    steps.step(scheduler(decoding=(1, 1)), iteration(gaps=(0.1,)), 0.0)
    steps.step(scheduler(context=(1, 40)), None, 1.0)
    steps.step(scheduler(context=(1, 40)), None, 2.0)
    steps.step(scheduler(context=(1, 20)), iteration(firsts=1, computed=100, cached=30), 3.0)
    steps.step(scheduler(context=(1, 10)), iteration(firsts=1, computed=10), 4.0)
    contexts = [step[2] for step in seen]
    assert contexts == [40 * 20, 40 * (40 + 20), 20 * (80 + 10) + 100 * 30, 10 * 5]
    assert sum(contexts) == 100 * (30 + 100 / 2) + 10 * 10 / 2


def test_one_that_ends_and_one_that_begins_share_a_step() -> None:
    """The first 30 tokens of the next prompt come beside the last 10 of this one."""
    steps, seen = engine()
    steps.step(scheduler(context=(1, 40)), None, 0.0)
    steps.step(scheduler(context=(2, 40)), iteration(firsts=1, computed=50), 1.0)
    steps.step(scheduler(context=(1, 5)), iteration(firsts=1, computed=35), 2.0)
    assert seen[0][1:3] == (40, 10 * (40 + 5) + 30 * 15)
    assert seen[1][1:3] == (5, 5 * (30 + 2.5))


def test_what_is_computed_again_is_prefill_and_drafts_are_not() -> None:
    """A preempted sequence comes back with 60 tokens at once; two sequences with three drafts each do not."""
    steps, seen = engine()
    steps.step(scheduler(decoding=(1, 1)), iteration(gaps=(0.1,)), 0.0)
    steps.step(scheduler(decoding=(2, 61)), iteration(gaps=(0.1,)), 1.0)
    steps.step(scheduler(decoding=(2, 8), drafts=6), iteration(gaps=(0.1,)), 2.0)
    assert [step[1] for step in seen] == [59, 0]


def test_dummy_steps_and_missing_details_are_nothing() -> None:
    """Data-parallel engines step without work; an engine may be told not to report details."""
    steps, seen = engine()
    steps.step(scheduler(dummy=True), None, 0.0)
    steps.step(SimpleNamespace(iteration_details=None), None, 1.0)
    assert seen == []


def state(prompt: int, *, most: int | None = 50, generated: int | None = None) -> Any:
    return SimpleNamespace(
        prompt_len=prompt,
        max_tokens_param=most,
        is_prefilling=generated is None,
        stats=SimpleNamespace(num_generation_tokens=generated or 0),
    )


@pytest.mark.parametrize(("waiting", "queued"), [(0, 0), (1, 7), (2, 27), (9, 127)])
def test_the_last_that_came_are_those_that_wait(waiting: int, queued: int) -> None:
    """Prompts count for those; what may still be generated counts for all."""
    states = [state(1000, generated=20), state(100), state(20, most=None), state(7)]
    assert backlog(states, waiting) == (queued, 30 + 50 + 0 + 50)


def test_sequences_may_come_while_they_are_counted() -> None:
    """The event loop adds some while the heartbeat's thread looks."""
    states: dict[str, Any] = {"first": state(7)}

    class Meanwhile(SimpleNamespace):
        @property
        def is_prefilling(self) -> bool:
            states["later"] = state(1000)
            return True

    states["second"] = Meanwhile(prompt_len=20, max_tokens_param=50, stats=None)
    assert backlog(states.values(), 2) == (27, 100)
    assert len(states) == 3
