"""vLLM's schedulers, aiming at a pool's latency targets: late requests wait behind, and steps hold so much of prompts.

Nothing of a scheduling step is replaced: before each one the queue is put in order, and the step's token budget is set.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from vllm.config import VllmConfig
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.request import Request

from deployments.engines.step_costs import StepCosts
from deployments.engines.vllm_waiting import PunctualQueue
from deployments.scheduling.lateness import is_late, prefill_s
from deployments.scheduling.pace import prompt_tokens
from deployments.scheduling.targets import Targets

# A name that vLLM's settings do not have: what follows from them is compiled anew when they change, this is not.
_ATTRIBUTE = "tercet_targets"
_NEWEST = 0.05
_MOST_UNDER_WAY = 16


@dataclass(frozen=True, slots=True)
class _Step:
    began_s: float
    prefill: int
    prefill_context: float
    sequences: int
    kv: int


class PunctualScheduler(Scheduler):  # type: ignore[misc]
    """vLLM's scheduler that knows each step's tokens before it plans the next one, aiming at ``tercet_targets``."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._targets = Targets.of(getattr(self.scheduler_config, _ATTRIBUTE))
        self.waiting = PunctualQueue(self.policy)
        self._costs, self._most = StepCosts(), self.max_num_scheduled_tokens
        # Where prompts must be computed in whole blocks, or whole, a smaller budget could stop them.
        free = self.scheduler_config.enable_chunked_prefill and not self.need_mamba_block_aligned_split
        self._pace_s = self._targets.pace_s if free else math.inf
        self._steps: dict[int, _Step] = {}
        self._ended_s = -math.inf
        self._fresh = 1.0

    def schedule(self, *arguments: Any, **options: Any) -> SchedulerOutput:
        """Schedule as vLLM does, with the queue and the budget that the targets ask for."""
        decoding = [one.num_computed_tokens for one in self.running if not one.is_prefill_chunk]
        decode_s = self._decode_s(decoding)
        now_s = time.time()
        if len(self.running) < self.max_num_active_reqs:
            self.waiting.let_late_wait(lambda request: self._is_late(request, now_s, decode_s))
        self.max_num_scheduled_tokens = self._budget(decoding, decode_s)
        running = {one.request_id for one in self.running}
        output = super().schedule(*arguments, **options)
        self._note(output, running)
        return output

    def update_from_output(self, scheduler_output: SchedulerOutput, *arguments: Any, **options: Any) -> Any:
        """Take the step's output as vLLM does, and the time that it took."""
        now_s, step = time.monotonic(), self._steps.pop(id(scheduler_output), None)
        if step is not None and step.prefill + step.sequences:
            self._costs.add(
                now_s - max(step.began_s, self._ended_s),
                prefill=step.prefill,
                prefill_context=step.prefill_context,
                sequences=step.sequences,
                kv=step.kv,
            )
        self._ended_s = now_s
        return super().update_from_output(scheduler_output, *arguments, **options)

    def _is_late(self, request: Request, now_s: float, decode_s: float) -> bool:
        if request.num_output_tokens or self._targets.due_s == math.inf:
            return False
        tokens, costs = self._fresh * request.num_prompt_tokens, self._costs.weights
        own_s = 0.0
        if costs is not None:
            own_s = prefill_s(tokens, request.num_prompt_tokens - tokens, costs.prefill_token, costs.prefill_context)
            own_s += math.ceil(tokens / self._most) * decode_s
        return is_late(now_s - request.arrival_time, own_s, self._targets.due_s)

    def _budget(self, decoding: list[int], decode_s: float) -> int:
        """Return how many tokens the coming step may compute, those of sequences that decode among them."""
        costs, reserved = self._costs.weights, len(decoding) * (1 + self.num_spec_tokens)
        if costs is None or not decoding or self._pace_s == math.inf or reserved >= self._most:
            return int(self._most)
        begun = next((one.num_computed_tokens for one in self.running if one.is_prefill_chunk), 0)
        left_s = self._pace_s - decode_s
        prompts = prompt_tokens(self._most - reserved, left_s, begun, costs.prefill_token, costs.prefill_context)
        return int(reserved + prompts)

    def _decode_s(self, decoding: list[int]) -> float:
        costs = self._costs.weights
        return 0.0 if costs is None else costs.base + costs.sequence * len(decoding) + costs.kv_token * sum(decoding)

    def _note(self, output: SchedulerOutput, running: set[str]) -> None:
        """Note what is in the step, and how much of new prompts the cache did not have."""
        prefill, context, sequences, kv = 0, 0.0, 0, 0
        for name, tokens in output.num_scheduled_tokens.items():
            request = self.requests[name]
            before = request.num_computed_tokens - tokens
            if before >= request.num_prompt_tokens:
                sequences += 1
                kv += before
                continue
            prefill += tokens
            context += tokens * (before + tokens / 2)
            if name not in running and not request.num_output_tokens:
                self._fresh += _NEWEST * (1 - before / request.num_prompt_tokens - self._fresh)
        if len(self._steps) >= _MOST_UNDER_WAY:  # steps whose output never came
            self._steps.clear()
        self._steps[id(output)] = _Step(time.monotonic(), prefill, context, sequences, kv)


class PunctualAsyncScheduler(PunctualScheduler, AsyncScheduler):  # type: ignore[misc]
    """The same for vLLM's scheduler that plans the next step while one is being computed."""


def aim(config: VllmConfig, targets: Targets) -> None:
    """Have the engine's scheduler aim at *targets*; one that somebody chose, or a model brings, stays as it is."""
    scheduler = config.scheduler_config
    if not targets.any or scheduler.scheduler_cls is not None:
        return
    setattr(scheduler, _ATTRIBUTE, targets.plain())
    scheduler.scheduler_cls = PunctualAsyncScheduler if scheduler.async_scheduling else PunctualScheduler
