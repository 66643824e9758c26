"""vLLM's engine client, telling each request's watch what the engine says."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

from vllm.outputs import PoolingRequestOutput, RequestOutput
from vllm.pooling_params import PoolingParams
from vllm.sampling_params import RequestOutputKind, SamplingParams
from vllm.v1.engine.async_llm import AsyncLLM

from deployments.engines.vllm_probabilities import askable, asking, take_out
from deployments.engines.vllm_resume import beginning
from deployments.engines.watch import WATCH, Watch


class WatchedLLM(AsyncLLM):  # type: ignore[misc]
    """An AsyncLLM that feeds the watch of the request in whose context it runs; ``aborted`` requests ended early."""

    aborted = 0

    async def generate(
        self, prompt: Any, sampling_params: SamplingParams, request_id: str, **options: Any
    ) -> AsyncIterator[RequestOutput]:
        """Yield what AsyncLLM yields; where only the final output is wanted, learn of the first token as well."""
        watch = WATCH.get() or Watch()
        whole = sampling_params.output_kind is RequestOutputKind.FINAL_ONLY
        if whole:
            sampling_params = _first_and_last(sampling_params)
        answer = self._watched if watch.resume is None else self._resumed
        merged: RequestOutput | None = None
        async with aclosing(answer(watch, prompt, sampling_params, request_id, **options)) as outputs:  # type: ignore[type-var]
            async for output in outputs:
                if not whole:
                    yield output
                elif merged is None:
                    merged = output
                else:
                    merged.add(output, aggregate=True)
        if merged is not None:
            merged.outputs.sort(key=lambda choice: choice.index)
            yield merged

    async def _watched(
        self, watch: Watch, prompt: Any, sampling_params: SamplingParams, request_id: str, **options: Any
    ) -> AsyncIterator[RequestOutput]:
        """Yield what AsyncLLM yields, after the watch was told; *prompt_ids* are the prompt as the client sees it."""
        prompt_ids: list[int] | None = options.pop("prompt_ids", None)
        first = watch.claim()
        judged, wanted = first and watch.judged and askable(sampling_params), sampling_params.logprobs
        asked = asking(sampling_params) if judged else sampling_params
        async with aclosing(super().generate(prompt, asked, request_id, **options)) as outputs:
            seen = False
            async for output in outputs:
                output.prompt_token_ids = prompt_ids or output.prompt_token_ids
                if not seen:
                    seen = True
                    _begin(watch, output)
                for choice in output.outputs:
                    watch.tokens += len(choice.token_ids)
                    if first and watch.traced and choice.index == 0:
                        watch.trace(choice.token_ids)
                    if judged:
                        take_out(choice, wanted, watch)
                yield output

    async def _resumed(
        self, watch: Watch, prompt: Any, sampling_params: SamplingParams, request_id: str, **options: Any
    ) -> AsyncIterator[RequestOutput]:
        """Yield what was delivered before as one output, then what follows."""
        assert watch.resume is not None  # noqa: S101
        begun = beginning(watch, watch.resume, prompt, sampling_params, self.output_processor.tokenizer)
        watch.replaying = True
        yield begun.replayed(request_id)
        watch.replaying = False
        if begun.complete:
            watch.begin(prompt_tokens=len(begun.prompt_ids), queue_s=0.0, ttft_s=0.0)
            yield begun.ended(request_id)
            return
        watch.detokenizer = begun.detokenizer
        rest = self._watched(watch, begun.prompt, begun.params, request_id, prompt_ids=begun.prompt_ids, **options)
        async with aclosing(rest) as outputs:  # type: ignore[type-var]
            async for output in outputs:
                yield output

    async def _add_request(self, request: Any, prompt: Any, parent_req: Any, index: int, queue: Any) -> None:
        """Do as AsyncLLM does, with a detokenizer that knows what was delivered before an answer is gone on with."""
        watch = WATCH.get()
        if watch is None or watch.detokenizer is None:
            await super()._add_request(request, prompt, parent_req, index, queue)
            return
        self.check_admission(request_id=request.request_id)
        self.output_processor.add_request(request, prompt, parent_req, index, queue)
        self.output_processor.request_states[request.request_id].detokenizer = watch.detokenizer
        await self.engine_core.add_request_async(request)

    async def encode(
        self, prompt: Any, pooling_params: PoolingParams, request_id: str, **options: Any
    ) -> AsyncIterator[PoolingRequestOutput]:
        """Yield what AsyncLLM yields; the first result takes the place of a first token."""
        watch, began_s = WATCH.get() or Watch(), time.monotonic()
        async with aclosing(super().encode(prompt, pooling_params, request_id, **options)) as outputs:
            async for output in outputs:
                tokens = len(output.prompt_token_ids or ())
                watch.begin(prompt_tokens=tokens, queue_s=None, ttft_s=time.monotonic() - began_s)
                yield output

    async def abort(self, request_id: str | Iterable[str], internal: bool = False) -> None:
        """Do as AsyncLLM does, and count the requests that were still under way once the engine has been told."""
        ids = [request_id] if isinstance(request_id, str) else list(request_id)
        known = self.output_processor
        under_way = sum(
            one in known.request_states or one in known.parent_requests or one in known.external_req_ids for one in ids
        )
        await super().abort(ids, internal)
        self.aborted += under_way

    def __del__(self) -> None:
        """Do as AsyncLLM does, without its complaint when the interpreter has already taken its modules away."""
        if sys is not None and not sys.is_finalizing():
            super().__del__()


def _first_and_last(sampling_params: SamplingParams) -> SamplingParams:
    """Ask for two outputs, the first token and all the rest: FINAL_ONLY would keep the first token's time from us."""
    changed = copy.copy(sampling_params)
    changed.output_kind = RequestOutputKind.DELTA
    changed.stream_interval = sys.maxsize
    return changed


def _begin(watch: Watch, output: RequestOutput) -> None:
    stats = output.metrics
    watch.begin(
        prompt_tokens=len(output.prompt_token_ids or ()),
        queue_s=None if stats is None else max(0.0, stats.scheduled_ts - stats.queued_ts),
        ttft_s=None if stats is None else stats.first_token_latency,
    )
