"""The real engine: vLLM's AsyncLLM behind vLLM's own serving layer."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from deployments.engines import vllm_core
from deployments.engines.base import EngineInfo
from deployments.engines.cpu_libraries import preloads
from deployments.engines.cpu_settings import Family, defaults, environment, objections
from deployments.engines.last_words import LastWords, sentence
from deployments.engines.stages import OnStage, StageClock, ignore
from deployments.engines.vllm_arguments import parse
from deployments.engines.vllm_call import VllmCall
from deployments.engines.vllm_load import Load
from deployments.engines.vllm_serving import VllmServing
from deployments.engines.warm_up import warm_up_context, warm_up_request
from deployments.errors import EngineFailed
from deployments.request import Context, Frame, Request
from deployments.signals import ReplicaSignals

CHECK_S = 5.0
STOP_S = 20.0
WARM_UP_S = 300.0


class VllmEngine:
    """Runs one checkpoint; ``arguments`` are vLLM's own and come over the defaults of the family and device.

    ``cores`` are this engine's alone, None where it shares the machine. ``stall_s`` is how long an engine with work may
    go without a step before it counts as hung.
    """

    def __init__(
        self,
        name: str,
        pool: str,
        replica: str,
        checkpoint: str,
        arguments: Mapping[str, Any],
        *,
        family: Family = "dense",
        cores: Sequence[int] | None = None,
        stage: OnStage = ignore,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        stall_s: float = 120.0,
    ) -> None:
        self._name, self._pool, self._replica, self._checkpoint = name, pool, replica, checkpoint
        self._user_arguments, self._family, self._cores = arguments, family, cores
        self._clock, self._wall, self._stall_s = clock, wall, stall_s
        self._stage = StageClock(stage, wall)
        self._load = Load()
        self._calls: set[VllmCall] = set()
        self._busy_since_s = clock()
        self._last_words = LastWords()
        self._core: vllm_core.Core | None = None
        self._serving: VllmServing | None = None
        self._slots = 0
        self._stopped = False

    async def start(self) -> EngineInfo:
        """Load the model and answer one warm-up request; a failure to do so is told in one sentence."""
        self._stage.enter("loading")
        arguments = self._arguments()
        self._core = await self._build(arguments)
        self._serving = await self._open(arguments)
        info = self._core.info(self._name)
        self._slots = info.slots
        self._stage.enter("warming")
        async with asyncio.timeout(WARM_UP_S):
            await self._warm_up()
        self._stage.enter("ready")
        return info

    async def generate(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the answer as vLLM's server would send it."""
        serving = self._ready()
        if not self._calls:
            self._busy_since_s = self._clock()
        call = VllmCall(serving, request, context, name=self._name, replica=self._replica)
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

    async def abort(self, request_id: str) -> None:
        """End every call of *request_id* and free its sequences."""
        calls = [call for call in self._calls if call.request_id == request_id]
        for call in calls:
            call.fail(EngineFailed(f"{self._name}: the request was aborted"))
        for call in calls:
            await call.close()

    async def check(self) -> None:
        """Raise EngineFailed when the engine is stopped, dead, silent, or has work and does not step."""
        self._ready()
        assert self._core is not None  # noqa: S101 - ready
        try:
            async with asyncio.timeout(CHECK_S):
                await self._core.llm.check_health()
        except Exception as error:
            raise EngineFailed(f"{self._name}: the engine failed its health check") from error
        quiet_s = self._clock() - max(self._load.stepped_s, self._busy_since_s)
        if self._calls and quiet_s > self._stall_s:
            raise EngineFailed(f"{self._name}: the engine has work and has not stepped for {quiet_s:.0f} s")

    async def stop(self) -> None:
        """End running requests with EngineFailed, then every process of the engine."""
        self._stopped = True
        for call in list(self._calls):
            call.fail(EngineFailed(f"{self._name}: the engine was stopped"))
            await call.close()
        core, self._core = self._core, None
        if core is not None:
            await asyncio.to_thread(core.shutdown, STOP_S)
        self._last_words.close()

    def signals(self) -> ReplicaSignals:
        """Report load and latency as of the engine's latest step."""
        load = self._load
        # An aborted sequence leaves the batch without a step, and so without a report: the calls know it is gone.
        unfinished = 0 if self._core is None else self._core.unfinished()
        running = min(load.running, unfinished)
        return ReplicaSignals(
            pool=self._pool,
            replica=self._replica,
            at_s=self._wall(),
            stage=self._stage.current,
            stage_since_s=self._stage.since_s,
            running=running,
            waiting=unfinished - running,
            slots=self._slots,
            kv_used=load.kv_used if unfinished else 0.0,
            prompt_tokens_total=load.prompt_tokens,
            generated_tokens_total=load.generated_tokens,
            preemptions_total=load.preemptions,
            ttft=load.ttft.read(),
            inter_token=load.inter_token.read(),
        )

    def _arguments(self) -> Namespace:
        device = vllm_core.device()
        for key, why in objections(self._user_arguments, device):
            raise EngineFailed(f"{self._name}: engine.{key} {why}")
        folder = Path(self._checkpoint)
        if folder.is_absolute() and not (folder / "config.json").is_file():
            raise EngineFailed(f"{self._name}: {folder} is no checkpoint: it holds no config.json")
        try:
            return parse(self._name, self._checkpoint, {**defaults(self._family, device), **self._user_arguments})
        except (TypeError, ValueError) as error:
            raise EngineFailed(f"{self._name}: engine arguments: {error}") from error

    async def _build(self, arguments: Namespace) -> vllm_core.Core:
        cpu = vllm_core.device() == "cpu"
        settings = environment(
            cores=self._cores,
            ranks=vllm_core.ranks(arguments),
            preload=preloads() if cpu else (),
            local=Path(self._checkpoint).is_absolute(),
        )
        try:
            return await asyncio.to_thread(vllm_core.build, arguments, self._load, settings, self._last_words)
        except Exception as error:
            reason = self._last_words.read() or sentence(error)
            raise EngineFailed(f"{self._name}: the engine did not start: {reason}") from error

    async def _open(self, arguments: Namespace) -> VllmServing:
        assert self._core is not None  # noqa: S101 - built just before
        try:
            return await VllmServing.create(self._core.llm, arguments, self._name)
        except Exception as error:
            raise EngineFailed(f"{self._name}: vLLM's serving layer did not start: {sentence(error)}") from error

    async def _warm_up(self) -> None:
        frames = self.generate(warm_up_request(self._name), warm_up_context(WARM_UP_S))
        async with aclosing(frames) as answer:  # type: ignore[type-var]
            async for _ in answer:
                pass

    def _ready(self) -> VllmServing:
        if self._stopped or self._core is None or self._serving is None:
            raise EngineFailed(f"{self._name}: the engine {'was stopped' if self._stopped else 'has not been started'}")
        if self._core.llm.errored:
            raise self._explained(EngineFailed(f"{self._name}: the engine's process has died"))
        return self._serving

    def _explained(self, error: EngineFailed) -> EngineFailed:
        if self._stopped or self._core is None or not self._core.llm.errored:
            return error
        words = self._last_words.read()
        return EngineFailed(f"{self._name}: the engine's process has died{f' ({words})' if words else ''}")
