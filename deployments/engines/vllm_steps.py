"""Read one step's work and time out of the statistics that vLLM hands to its loggers."""

from __future__ import annotations

from typing import Any

from deployments.engines.step_sums import StepSums


class VllmSteps:
    """Follows an engine from step to step; ``kv_tokens`` is the size of its cache, ``block_tokens`` that of a block.

    Exact are prompt tokens, decoding sequences, and the time of a step in which a sequence gets a further token: it is
    that token's latency on the engine core's clock. Other steps are timed by their statistics' arrival here. A step
    after idleness has no known beginning and is left out. Approximated are the KV tokens (from the share of blocks in
    use after the step before; blocks shared by sequences count once, the last block of each as half full) and the
    context of prompts (one prompt at a time is prefilled in parts; what the prefix cache had counts at its last part).
    """

    def __init__(self, sums: StepSums | None = None) -> None:
        self.sums = sums or StepSums()
        self.kv_tokens = 0
        self.block_tokens = 1
        self._last_s: float | None = None
        self._kv = 0.0
        self._part = 0.0

    def step(self, scheduler: Any, iteration: Any, at_s: float) -> None:
        """Add the step whose statistics arrived at *at_s*, monotonic seconds."""
        details = scheduler.iteration_details
        if details is None or details.is_dummy:
            return
        began_s, kv = self._last_s, self._kv
        has_work = scheduler.num_running_reqs + scheduler.num_waiting_reqs > 0
        self._last_s = at_s if has_work else None
        self._kv = self._held(scheduler)
        prefill, context = self._prefilled(details, scheduler.spec_decoding_stats, iteration)
        if began_s is None:
            return
        gaps_s = () if iteration is None else iteration.inter_token_latencies_iter
        self.sums.add(
            min(gaps_s) if gaps_s else at_s - began_s,
            prefill=prefill,
            prefill_context=context,
            sequences=details.num_generation_requests,
            kv=kv if details.num_generation_requests else 0.0,
        )

    def _held(self, scheduler: Any) -> float:
        running = scheduler.num_running_reqs
        held = scheduler.kv_cache_usage * self.kv_tokens - running * (self.block_tokens - 1) / 2
        return max(0.0, float(held))

    def _prefilled(self, details: Any, guessed: Any, iteration: Any) -> tuple[float, float]:
        """Return the step's prompt tokens, and the sum of the contexts that they attend to."""
        drafts = 0 if guessed is None else guessed.num_draft_tokens
        again = max(0, details.num_generation_tokens - details.num_generation_requests - drafts)
        tokens, begun = float(details.num_ctx_tokens), self._part
        ended = 0 if iteration is None else len(iteration.time_to_first_tokens_iter)
        if not ended:
            self._part = begun + tokens
            return tokens + again, tokens * (begun + tokens / 2)
        told = iteration.prompt_token_stats
        last = max(0.0, min(tokens, told.computed - begun))
        rest = tokens - last if details.num_ctx_requests > ended else 0.0
        self._part = rest
        each = told.computed / ended
        context = (ended * each**2 - begun**2) / 2 + each * told.cached_tokens + rest**2 / 2
        return tokens + again, max(0.0, context)
