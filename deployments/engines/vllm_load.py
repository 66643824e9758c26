"""What vLLM's stat logger hook says about the load of an engine, kept for the replica's signals."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vllm.v1.metrics.loggers import StatLoggerBase

from deployments.engines.histogram import LatencyHistogram
from deployments.engines.vllm_steps import VllmSteps


@dataclass(slots=True, kw_only=True)
class Load:
    """The engine's state after its latest step, and totals since it began; ``stepped_s`` is monotonic time."""

    running: int = 0
    waiting: int = 0
    kv_used: float = 0.0
    stepped_s: float = 0.0
    prompt_tokens: int = 0
    generated_tokens: int = 0
    preemptions: int = 0
    prefix_queries: int = 0
    prefix_hits: int = 0
    drafted: int = 0
    accepted: int = 0
    ttft: LatencyHistogram = field(default_factory=LatencyHistogram)
    inter_token: LatencyHistogram = field(default_factory=LatencyHistogram)
    steps: VllmSteps = field(default_factory=VllmSteps)


class LoadLogger(StatLoggerBase):  # type: ignore[misc]
    """A stat logger that vLLM calls after every step; it joins the default ones, it does not replace them.

    Unless *told*, it keeps the details of each step from the others, which would log a line of them.
    """

    def __init__(self, load: Load, *, told: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._load, self._told = load, told
        self._clock = clock

    def record(self, scheduler_stats: Any, iteration_stats: Any, *_: Any, **__: Any) -> None:
        """Take one step's statistics."""
        load = self._load
        load.stepped_s = self._clock()
        if scheduler_stats is not None:
            load.running = scheduler_stats.num_running_reqs
            load.waiting = scheduler_stats.num_waiting_reqs + scheduler_stats.num_skipped_waiting_reqs
            load.kv_used = scheduler_stats.kv_cache_usage
            load.prefix_queries += scheduler_stats.prefix_cache_stats.queries
            load.prefix_hits += scheduler_stats.prefix_cache_stats.hits
            if (guessed := scheduler_stats.spec_decoding_stats) is not None:
                load.drafted += guessed.num_draft_tokens
                load.accepted += guessed.num_accepted_tokens
            load.steps.step(scheduler_stats, iteration_stats, load.stepped_s)
            if not self._told:
                scheduler_stats.iteration_details = None
        if iteration_stats is not None:
            load.prompt_tokens += iteration_stats.num_prompt_tokens
            load.generated_tokens += iteration_stats.num_generation_tokens
            load.preemptions += iteration_stats.num_preempted_reqs
            for value_s in iteration_stats.time_to_first_tokens_iter:
                load.ttft.add(value_s)
            for value_s in iteration_stats.inter_token_latencies_iter:
                load.inter_token.add(value_s)

    def log_engine_initialized(self) -> None:
        """Say nothing: the engine's own logger does."""
