"""The real engine: vLLM's AsyncLLM behind vLLM's own serving layer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from deployments.adapters import served_name
from deployments.cost.engine_costs import EngineCosts
from deployments.engines import vllm_core
from deployments.engines.adapter_set import AdapterSet
from deployments.engines.base import EngineInfo
from deployments.engines.core_process import CoreProcess
from deployments.engines.last_words import LastWords
from deployments.engines.stages import OnStage, StageClock, ignore
from deployments.engines.startup import Startup, notes
from deployments.engines.vllm_adapters import VllmAdapters
from deployments.engines.vllm_backlog import backlog
from deployments.engines.vllm_call import VllmCall
from deployments.engines.vllm_load import Load
from deployments.engines.vllm_serving import VllmServing
from deployments.engines.vllm_shares import CallShares, VllmShares
from deployments.engines.vllm_start import VllmSettings, built, opened, parsed
from deployments.engines.warm_up import warm_up_context, warm_up_request
from deployments.errors import EngineFailed, Invalid
from deployments.request import Context, Endpoint, Frame, Request
from deployments.signals import ReplicaSignals

CHECK_S = 5.0
STOP_S = 20.0
WARM_UP_S = 300.0


class VllmEngine:
    """Runs one checkpoint; ``stall_s`` is how long it may have work and take no step before it counts as hung.

    ``waiting`` is a process that its engine core may run in; whatever becomes of it, it ends with this engine.
    """

    def __init__(
        self,
        pool: str,
        replica: str,
        settings: VllmSettings,
        *,
        stage: OnStage = ignore,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        stall_s: float = 120.0,
        startup: Startup | None = None,
        waiting: CoreProcess | None = None,
    ) -> None:
        self._name, self._pool, self._replica, self._settings = settings.name, pool, replica, settings
        self._clock, self._wall, self._stall_s = clock, wall, stall_s
        self._stage = StageClock(stage, wall)
        self._load = Load()
        self.costs = EngineCosts(pool, clock=clock)
        self._shares = VllmShares(self.costs.meter, clock)
        self.costs.look = self._look
        self._calls: set[VllmCall] = set()
        self._busy_since_s = clock()
        self._last_words = LastWords()
        self._startup, self._waiting = startup or Startup(), waiting
        self._core: vllm_core.Core | None = None
        self._serving: VllmServing | None = None
        self._loader: VllmAdapters | None = None
        self._adapters = AdapterSet(settings.name)
        self._info: EngineInfo | None = None
        self._stopped = False

    async def start(self) -> EngineInfo:
        """Load the model and answer one request; a failure is told in one sentence and leaves nothing behind."""
        try:
            return await self._start()
        except BaseException:
            await self.stop()
            raise

    async def generate(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the answer as vLLM's server would send it."""
        _, serving = self._alive()
        if not self._calls:
            self._busy_since_s = self._clock()
        with self._adapters.used(request.adapter):
            call = VllmCall(
                serving, request, context, name=self._name, replica=self._replica, shares=self._shared(request, context)
            )
            self._calls.add(call)
            try:
                async with aclosing(call.frames()) as frames:  # type: ignore[type-var]
                    async for frame in frames:
                        yield frame
            except EngineFailed as error:
                raise self._explained(error) from error
            finally:
                self._calls.discard(call)
                await call.close()

    async def load_adapter(self, name: str, folder: str) -> None:
        """Load the adapter in *folder* between two steps; requests may name it once this returns."""
        self._alive()
        if self._loader is None:
            raise Invalid(f"{self._name} runs without LoRA: set its engine.enable_lora, which restarts it")
        try:
            await self._loader.load(self._adapters, name, folder)
        except Invalid:
            self._last_words.forget()
            raise

    async def unload_adapter(self, name: str) -> None:
        """Refuse new requests for the adapter, and free it when the last one that uses it has ended."""
        self._adapters.take(name)

    async def abort(self, request_id: str) -> None:
        """End every call of *request_id* and free its sequences."""
        await self._end([call for call in self._calls if call.request_id == request_id], "the request was aborted")

    async def check(self) -> None:
        """Raise EngineFailed when the engine is stopped, dead, silent, or has work and does not step."""
        core, _ = self._alive()
        try:
            async with asyncio.timeout(CHECK_S):
                await core.llm.check_health()
        except Exception as error:
            raise EngineFailed(f"{self._name}: the engine failed its health check") from error
        quiet_s = self._clock() - max(self._load.stepped_s, self._busy_since_s)
        if self._calls and quiet_s > self._stall_s:
            raise EngineFailed(f"{self._name}: the engine has work and has not stepped for {quiet_s:.0f} s")

    async def stop(self) -> None:
        """End running requests with EngineFailed, then every process of the engine."""
        self._stopped = True
        await self._end(list(self._calls), "the engine was stopped")
        core, self._core = self._core, None
        if self._serving is not None:
            await self._serving.close()
        if self._loader is not None:
            await self._loader.close()
        if core is not None:
            core.hush()
            await asyncio.to_thread(core.shutdown, STOP_S)
        if self._waiting is not None:
            await asyncio.to_thread(self._waiting.close)
        self._last_words.close()

    def signals(self) -> ReplicaSignals:
        """Report load and latency as of the engine's latest step."""
        load = self._load
        # An aborted sequence leaves the batch without a step, and so without a report: the client knows it is gone.
        unfinished = 0 if self._core is None else self._core.unfinished()
        running = min(load.running, unfinished)
        states = () if self._core is None else self._core.llm.output_processor.request_states.values()
        queued_prompt_tokens, remaining_tokens = backlog(states, unfinished - running)
        return ReplicaSignals(
            pool=self._pool,
            replica=self._replica,
            at_s=self._wall(),
            stage=self._stage.current,
            stage_since_s=self._stage.since_s,
            running=running,
            waiting=unfinished - running,
            slots=0 if self._info is None else self._info.slots,
            kv_used=load.kv_used if unfinished else 0.0,
            prompt_tokens_total=load.prompt_tokens,
            generated_tokens_total=load.generated_tokens,
            preemptions_total=load.preemptions,
            aborted_total=0 if self._core is None else self._core.llm.aborted,
            prefix_queries_total=load.prefix_queries,
            prefix_hits_total=load.prefix_hits,
            drafted_total=load.drafted,
            accepted_total=load.accepted,
            ttft=load.ttft.read(),
            inter_token=load.inter_token.read(),
            adapters=self._adapters.names(),
            startup=self._startup.read(),
            queued_prompt_tokens=queued_prompt_tokens,
            remaining_tokens=remaining_tokens,
            kv_tokens=0 if self._info is None else self._info.kv_tokens,
            batched_tokens=0 if self._info is None else self._info.batched_tokens,
            steps=load.steps.sums.read(),
        )

    async def _start(self) -> EngineInfo:
        self._stage.enter("loading")
        arguments = parsed(self._settings)
        self._core = await built(self._settings, arguments, self._load, self._last_words, self._waiting)
        self._core.llm.share(self._shares.step)
        for stage, at_s in notes(self._last_words.notes):
            self._startup.ended(stage, at_s)
        self._serving = await opened(self._settings, arguments, self._core)
        self._startup.ended("serving")
        if arguments.enable_lora:
            self._loader = VllmAdapters(self._name, self._serving.models, self._core.llm)
        self._info = info = self._core.info(self._name)
        self._load.steps.kv_tokens, self._load.steps.block_tokens = info.kv_tokens, info.block_tokens
        self._stage.enter("warming")
        await self._warm_up(self._serving.endpoints)
        self._startup.ended("warm_up")
        self.costs.begin()
        self._stage.enter("ready")
        return info

    async def _warm_up(self, endpoints: frozenset[Endpoint]) -> None:
        frames = self.generate(warm_up_request(self._name, endpoints), warm_up_context(WARM_UP_S))
        try:
            async with asyncio.timeout(WARM_UP_S), aclosing(frames) as answer:  # type: ignore[type-var]
                async for _ in answer:
                    pass
        except TimeoutError as error:
            raise EngineFailed(f"{self._name}: the engine gave no answer within {WARM_UP_S:g} s of loading") from error
        vllm_core.settle()

    def _look(self) -> None:
        """Let go of sequences that vLLM has ended by itself, and weigh steps by what they have come to tell."""
        if self._core is not None:
            self._shares.keep_only(self._core.llm.output_processor.request_states)
        self.costs.weigh(self._load.steps.sums.read)

    def _shared(self, request: Request, context: Context) -> CallShares:
        model = served_name(self._name, request.adapter)
        return CallShares(self._shares, self.costs.bill(model, context.tenant, charged=context.charged))

    async def _end(self, calls: list[VllmCall], reason: str) -> None:
        for call in calls:
            call.fail(EngineFailed(f"{self._name}: {reason}"))
        for call in calls:
            await call.close()

    def _alive(self) -> tuple[vllm_core.Core, VllmServing]:
        if self._stopped or self._core is None or self._serving is None:
            raise EngineFailed(f"{self._name}: the engine {'was stopped' if self._stopped else 'has not been started'}")
        if self._core.llm.errored:
            raise self._explained(EngineFailed(""))
        return self._core, self._serving

    def _explained(self, error: EngineFailed) -> EngineFailed:
        """Say of a dead engine that it is dead and, where it left word, of what; else return *error*."""
        if self._core is None or not self._core.llm.errored:
            return error
        words = self._last_words.read()
        return EngineFailed(f"{self._name}: the engine's process has died{f' ({words})' if words else ''}")
