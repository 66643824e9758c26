"""vLLM's engine client, telling each request's watch what the engine says."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from typing import Any

from vllm.outputs import PoolingRequestOutput, RequestOutput
from vllm.pooling_params import PoolingParams
from vllm.sampling_params import RequestOutputKind, SamplingParams
from vllm.v1.engine.async_llm import AsyncLLM

from deployments.engines.cache_salt import CacheSalts
from deployments.engines.fair_tags import FairTags, Turn, priority
from deployments.engines.vllm_inputs import ApartInputs
from deployments.engines.vllm_probabilities import askable, asking, take_out
from deployments.engines.vllm_resume import beginning
from deployments.engines.watch import WATCH, Watch
from deployments.errors import Invalid
from deployments.request import STRIDE
from deployments.standing import Standing


class WatchedLLM(AsyncLLM):  # type: ignore[misc]
    """An AsyncLLM that feeds the watch of the request in whose context it runs; ``aborted`` requests ended early.

    Whatever prefills passes through it, so here the tenants' prefixes are kept apart, whichever endpoint was asked, and
    tenants get their turns where the scheduler goes by priority.
    """

    aborted = 0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.salts, self.tags = CacheSalts(), FairTags()
        super().__init__(*arguments, **options)
        self.input_processor = ApartInputs(self.vllm_config, self.renderer, salts=self.salts)

    async def generate(
        self, prompt: Any, sampling_params: SamplingParams, request_id: str, **options: Any
    ) -> AsyncIterator[RequestOutput]:
        """Yield what AsyncLLM yields; where only the final output is wanted, learn of the progress as well."""
        watch = WATCH.get() or Watch()
        whole = sampling_params.output_kind is RequestOutputKind.FINAL_ONLY
        if whole:
            sampling_params = _in_strides(sampling_params)
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
        most = None if asked.max_tokens is None else asked.max_tokens * asked.n
        with self._turn(watch, prompt, options, most=most) as turn:
            async with aclosing(super().generate(prompt, asked, request_id, **options)) as outputs:
                seen = False
                async for output in outputs:
                    generated = sum(len(choice.token_ids) for choice in output.outputs)
                    turn.saw(prompt=len(output.prompt_token_ids or ()), generated=generated)
                    output.prompt_token_ids = prompt_ids or output.prompt_token_ids
                    if not seen:
                        seen = True
                        _begin(watch, output)
                    watch.tokens += generated
                    if not output.finished:
                        watch.progress.set()
                    for choice in output.outputs:
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

    async def add_request(self, request_id: str, prompt: Any, params: Any, *more: Any, **options: Any) -> Any:
        """Do as AsyncLLM does, under the salt of the tenant whose request it is."""
        standing = (WATCH.get() or Watch()).standing
        return await super().add_request(request_id, self._salted(prompt, standing), params, *more, **options)

    def _salted(self, prompt: Any, standing: Standing) -> Any:
        if not isinstance(prompt, dict):
            # Nothing that can be asked for comes like this; it would be everybody's to find.
            raise Invalid("prompt: a prompt that was not rendered cannot be told from other tenants'", param="prompt")
        inner = prompt.get("decoder_prompt")
        salt = self.salts.of(standing.prefixes, (inner or prompt).get("cache_salt"))
        if salt is None:
            return prompt
        below = {"decoder_prompt": {**inner, "cache_salt": salt}} if inner else {}
        return {**prompt, **below, "cache_salt": salt}

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
        with self._turn(watch, prompt, options, most=0) as turn:
            async with aclosing(super().encode(prompt, pooling_params, request_id, **options)) as outputs:
                async for output in outputs:
                    tokens = len(output.prompt_token_ids or ())
                    turn.saw(prompt=tokens, generated=0)
                    watch.begin(prompt_tokens=tokens, queue_s=None, ttft_s=time.monotonic() - began_s)
                    yield output

    def _turn(self, watch: Watch, prompt: Any, options: dict[str, Any], *, most: int | None) -> Turn:
        """Return the request's turn, written into *options* where the scheduler goes by it and there are tenants."""
        ids = prompt.get("prompt_token_ids") if isinstance(prompt, dict) else None
        turn = Turn(self.tags, watch.standing, prompt=len(ids or ()), most=most, level=watch.priority)
        if watch.standing.account and self.vllm_config.scheduler_config.policy == "priority":
            # What a client says of its own priority would be its word against all others'.
            options["priority"] = priority(turn.tag)
        return turn

    def share(self, step: Callable[[Any], None]) -> None:
        """Have *step* hear what the engine core says of each step, before any of its tokens is passed on.

        Sequences enter the shares of their call where all of them pass: those of several choices of one request go to
        the core without ``_add_request``.
        """
        core = self.engine_core
        receive, add = core.get_output_async, core.add_request_async

        async def received() -> Any:
            told = await receive()
            step(told)
            return told

        async def added(request: Any) -> None:
            watch = WATCH.get()
            if watch is not None and watch.shares is not None:
                watch.shares.enter(request.request_id, len(request.prompt_token_ids or ()))
            await add(request)

        core.get_output_async, core.add_request_async = received, added

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


def _in_strides(sampling_params: SamplingParams) -> SamplingParams:
    """Ask for the first token and then for few outputs: FINAL_ONLY would keep from us how far the answer has come."""
    changed = copy.copy(sampling_params)
    changed.output_kind = RequestOutputKind.DELTA
    changed.stream_interval = STRIDE
    return changed


def _begin(watch: Watch, output: RequestOutput) -> None:
    stats = output.metrics
    watch.begin(
        prompt_tokens=len(output.prompt_token_ids or ()),
        queue_s=None if stats is None else max(0.0, stats.scheduled_ts - stats.queued_ts),
        ttft_s=None if stats is None else stats.first_token_latency,
    )
