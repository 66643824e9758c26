"""An engine with no model: real continuous batching on a step-time model, with faults on demand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from random import Random

from deployments.adapters import served_name
from deployments.cost.engine_costs import EngineCosts
from deployments.cost.seat import Seat
from deployments.engines.adapter_set import AdapterSet
from deployments.engines.base import EngineInfo
from deployments.engines.cache_salt import CacheSalts
from deployments.engines.histogram import LatencyHistogram
from deployments.engines.snapshot import snapshot
from deployments.engines.stages import OnStage, StageClock, ignore
from deployments.engines.startup import Startup
from deployments.engines.step_sums import StepSums
from deployments.engines.synthetic_batch import Batch, Sequence, step_seconds
from deployments.engines.synthetic_front import Front
from deployments.engines.synthetic_prefixes import PrefixCache
from deployments.engines.synthetic_spec import SyntheticSpec, weights
from deployments.engines.synthetic_stream import Stream
from deployments.errors import EngineFailed, Overloaded
from deployments.request import Context, Frame, Request
from deployments.response_id import Place
from deployments.scheduling.targets import NONE, Targets
from deployments.signals import ReplicaSignals


class SyntheticEngine:
    """Generates seeded words in the time that its spec says; ``clock`` is monotonic, ``wall`` is Unix time.

    Its scheduler aims at ``targets``. A ``pooling`` engine has vectors and scores instead, which take no time.
    """

    def __init__(
        self,
        name: str,
        pool: str,
        replica: str,
        spec: SyntheticSpec,
        *,
        stage: OnStage = ignore,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wall: Callable[[], float] = time.time,
        stall_s: float = 30.0,
        pooling: bool = False,
        targets: Targets = NONE,
        startup: Startup | None = None,
    ) -> None:
        self._name, self._pool, self._replica, self._spec = name, pool, replica, spec
        self._clock, self._sleep, self._wall, self._stall_s = clock, sleep, wall, stall_s
        self._stage, self._startup = StageClock(stage, wall), startup or Startup(wall=wall)
        self._front = Front(name, Place(pool=pool, replica=replica), spec, pooling=pooling, wall=wall)
        self._batch = Batch(
            slots=spec.slots,
            kv_tokens=spec.kv_tokens,
            prefill_tokens_per_step=spec.prefill_tokens_per_step,
            targets=targets,
            times=spec.step,
        )
        self._salts, self._prefixes = CacheSalts(), PrefixCache(spec.kv_tokens if spec.prefix_cache else 0)
        self._rng = Random(spec.seed)  # noqa: S311 - step noise, no secret
        self._streams: set[Stream] = set()
        self._adapters = AdapterSet(name)
        self._work = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._broken: str | None = "the engine has not been started"
        self._stepped_s = self._ended_s = clock()
        self._prompt_tokens = 0
        self._generated_tokens = 0
        self._aborted = 0
        self._ttft = LatencyHistogram()
        self._inter_token = LatencyHistogram()
        self._steps = StepSums()
        self.costs = EngineCosts(pool, weights=weights(spec.step), clock=clock)

    async def start(self) -> EngineInfo:
        """Take what is left of the spec's start-up time, half of it loading and half warming, then begin to step."""
        left_s = max(0.0, self._spec.start_up - self._startup.elapsed_s())
        self._stage.enter("loading")
        await self._sleep(left_s / 2)
        if self._spec.faults.fail_start:
            raise EngineFailed(f"{self._name}: the synthetic engine was told to fail its start")
        self._startup.ended("weights")
        self._stage.enter("warming")
        await self._sleep(left_s / 2)
        self._broken = None
        self.costs.begin()
        self._loop = asyncio.create_task(self._run(), name=f"synthetic engine {self._replica}")
        self._startup.ended("warm_up")
        self._stage.enter("ready")
        return EngineInfo(
            model=self._name,
            max_model_len=self._spec.max_model_len,
            slots=self._spec.slots,
            kv_tokens=self._spec.kv_tokens,
            batched_tokens=self._spec.prefill_tokens_per_step,
        )

    async def generate(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the answer of *request*; the same prompt always gives the same words."""
        self._raise_if_broken()
        if self._spec.faults.refuse:
            raise Overloaded(f"{self._name}: the synthetic engine was told to refuse", retry_after_s=1.0)
        with self._adapters.used(request.adapter):
            answer = self._front.at_once(request, context)
            if answer is not None:
                yield answer
                return
            stream = self._front.opened(request, context, self._clock())
            stream.salt = self._salts.of(context.standing.prefixes, request.body.get("cache_salt"))
            if not stream.sequence.done:
                model = served_name(self._name, request.adapter)
                stream.bill = self.costs.bill(model, context.tenant, charged=context.charged)
                self._accept(stream)
            try:
                async with aclosing(stream.frames()) as frames:  # type: ignore[type-var]
                    async for frame in frames:
                        yield frame
            finally:
                self._forget(stream)

    async def load_adapter(self, name: str, folder: str) -> None:  # noqa: ARG002 - there is nothing to read
        """Answer requests for *name* with words of its own."""
        self._raise_if_broken()
        self._adapters.put(name)

    async def unload_adapter(self, name: str) -> None:
        """Refuse new requests for *name*."""
        self._adapters.take(name)

    async def abort(self, request_id: str) -> None:
        """End every stream of *request_id* and free its slot."""
        for stream in [stream for stream in self._streams if stream.request_id == request_id]:
            stream.fail(EngineFailed(f"request {request_id} was aborted"))
            self._forget(stream)

    async def check(self) -> None:
        """Raise EngineFailed when the engine is stopped, dead, or has work and does not step."""
        self._raise_if_broken()
        if self._streams and self._clock() - self._stepped_s > self._stall_s:
            raise EngineFailed(f"{self._name}: the engine has not stepped for {self._stall_s:g} s")

    async def stop(self) -> None:
        """Stop stepping; running streams end with EngineFailed."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        self._break("the engine was stopped")

    def signals(self) -> ReplicaSignals:
        """Report load and latency as of now."""
        return ReplicaSignals(
            pool=self._pool,
            replica=self._replica,
            at_s=self._wall(),
            stage=self._stage.current,
            stage_since_s=self._stage.since_s,
            running=len(self._batch.running),
            waiting=len(self._batch.waiting) + len(self._batch.late),
            slots=self._spec.slots,
            kv_used=min(1.0, self._batch.kv_held / self._spec.kv_tokens),
            prompt_tokens_total=self._prompt_tokens,
            generated_tokens_total=self._generated_tokens,
            preemptions_total=self._batch.preemptions,
            aborted_total=self._aborted,
            prefix_queries_total=self._prefixes.queries,
            prefix_hits_total=self._prefixes.hits,
            ttft=self._ttft.read(),
            inter_token=self._inter_token.read(),
            adapters=self._adapters.names(),
            startup=self._startup.read(),
            queued_prompt_tokens=sum(
                sequence.context for queue in (self._batch.waiting, self._batch.late) for sequence in snapshot(queue)
            ),
            remaining_tokens=sum(
                stream.sequence.output_tokens - stream.sequence.generated for stream in snapshot(self._streams)
            ),
            kv_tokens=self._spec.kv_tokens,
            batched_tokens=self._spec.prefill_tokens_per_step,
            steps=self._steps.read(),
        )

    def _accept(self, stream: Stream) -> None:
        if not self._streams:
            self._stepped_s = self._clock()
        self._prompt_tokens += (tokens := stream.sequence.prompt_tokens)
        if self._spec.prefix_cache:
            stream.sequence.prefilled = self._prefixes.found(stream.prefilled, stream.salt, tokens=tokens)
        self._streams.add(stream)
        if stream.bill is not None:
            stream.seat = self.costs.meter.enter(stream.bill, self._clock())
        self._batch.add(stream.sequence)
        self._work.set()

    async def _run(self) -> None:
        while True:
            if not self._streams:
                self._work.clear()
                await self._work.wait()
                self._ended_s = self._clock()
            self._stepped_s = self._clock()
            await self._step()
            if self._generated_past(self._spec.faults.die_after_tokens):
                self._break("the synthetic engine was told to die")
                return
            if self._generated_past(self._spec.faults.hang_after_tokens):
                await asyncio.Event().wait()

    async def _step(self) -> None:
        step = self._batch.plan(self._clock())
        by_sequence = {stream.sequence: stream for stream in self._streams}
        for sequence in step.preempted:
            self.costs.meter.pause(_seat(by_sequence[sequence]))
        now_s = self._clock()
        for sequence in self._batch.running:
            by_sequence[sequence].scheduled(now_s)
        noise = self._rng.gauss(0.0, 1.0) if self._spec.step.noise else 0.0
        await self._sleep(step_seconds(self._spec, step, noise))
        began_s, now_s = self._ended_s, self._clock()
        self._ended_s = now_s
        self._steps.add(
            now_s - began_s,
            prefill=step.prefill_tokens,
            prefill_context=step.prefill_context,
            sequences=step.sequences,
            kv=step.kv_tokens,
        )
        self.costs.meter.step(
            now_s, [(_seat(by_sequence[one]).account, tokens, over) for one, tokens, over in step.prefilled]
        )
        for sequence in self._batch.finish(step):
            self._account(sequence, _seat(by_sequence[sequence]), now_s)
            self._emit(by_sequence[sequence], now_s)

    def _account(self, sequence: Sequence, seat: Seat, now_s: float) -> None:
        if sequence.done:
            self.costs.meter.leave(seat, now_s)
        else:
            self.costs.meter.decode(seat, sequence.context)

    def _emit(self, stream: Stream, now_s: float) -> None:
        self._generated_tokens += 1
        first = stream.sequence.generated == 1
        if first and self._spec.prefix_cache:
            self._prefixes.keep(stream.prefilled, stream.salt)
        histogram = self._ttft if first else self._inter_token
        histogram.add(stream.emit(now_s))
        self._front.emitted(stream)

    def _generated_past(self, limit: int | None) -> bool:
        return limit is not None and self._generated_tokens >= limit

    def _forget(self, stream: Stream) -> None:
        if stream in self._streams and not stream.sequence.done:
            self._aborted += 1
        self._streams.discard(stream)
        self._batch.remove(stream.sequence)
        if stream.seat is not None:
            self.costs.meter.leave(stream.seat, self._clock())

    def _break(self, reason: str) -> None:
        self._broken = self._broken or reason
        for stream in list(self._streams):
            stream.fail(EngineFailed(f"{self._name}: {reason}"))
            self._forget(stream)

    def _raise_if_broken(self) -> None:
        if self._broken is None and (self._loop is None or self._loop.done()):
            self._break("its loop has ended")
        if self._broken is not None:
            raise EngineFailed(f"{self._name}: {self._broken}")


def _seat(stream: Stream) -> Seat:
    assert stream.seat is not None  # noqa: S101 - what is in the batch was accepted
    return stream.seat
