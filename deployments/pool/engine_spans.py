"""What a replica traces of one call: the call, its way to the engine's batch, its prefill and its decoding.

The gateway's span is the parent. Spans are held until the gateway says that the trace is kept.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from opentelemetry import propagate
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context

from deployments.errors import ServingError
from deployments.graph.closing import closing
from deployments.pool.wire import Call
from deployments.request import Frame
from deployments.telemetry.operations import PROVIDER, operation
from deployments.telemetry.tail import REQUEST
from deployments.telemetry.traces import Traces

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class EngineSpans:
    """Traces the calls of one replica of *pool*."""

    pool: str
    replica: str
    traces: Traces

    def around(self, call: Call, frames: AsyncGenerator[Frame]) -> AsyncGenerator[Frame]:
        """Return *frames* with spans of what happens until they end; *frames* itself where the call is not traced."""
        tracer = self.traces.tracer()
        if tracer is None or not call.trace:
            return frames
        return self._traced(tracer, call, frames)

    async def _traced(self, tracer: Tracer, call: Call, frames: AsyncGenerator[Frame]) -> AsyncGenerator[Frame]:
        span, course, outcome = self._begun(tracer, call), _Course(), "cancelled"
        try:
            async with closing(frames) as told:
                async for frame in told:
                    course.saw(frame)
                    yield frame
            outcome = "ok"
        except ServingError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = ServingError.code
            raise
        finally:
            course.tell(tracer, span)
            span.set_attribute("tercet.outcome", outcome)
            if outcome not in {"ok", "cancelled"}:
                span.set_attribute("error.type", outcome)
                span.set_status(StatusCode.ERROR, outcome)
            span.end()

    def _begun(self, tracer: Tracer, call: Call) -> Span:
        what = operation(call.request.endpoint)
        told = {
            "gen_ai.operation.name": what,
            "gen_ai.provider.name": PROVIDER,
            "gen_ai.request.model": self.pool,
            "tercet.replica": self.replica,
            REQUEST: call.request_id,
        }
        above = propagate.extract(dict(call.trace))
        return tracer.start_span(f"engine {self.pool}", above, kind=SpanKind.SERVER, attributes=told)


class _Course:
    """When the parts of a call began and ended, in nanoseconds of the wall clock."""

    def __init__(self) -> None:
        self._began_ns = time.time_ns()
        self._first_ns: int | None = None
        self._queue_s: float | None = None
        self._ttft_s: float | None = None
        self._tokens = 0
        self._prompt_tokens: int | None = None
        self._seconds = 0.0

    def saw(self, frame: Frame) -> None:
        """Take note of a frame; the first one tells how long the engine took for it."""
        if self._first_ns is None and frame.head is not None:
            self._first_ns = time.time_ns()
            self._queue_s, self._ttft_s = frame.head.engine_queue_s, frame.head.engine_ttft_s
        self._tokens += frame.tokens
        self._prompt_tokens = frame.prompt_tokens or self._prompt_tokens
        self._seconds = frame.seconds or self._seconds

    def tell(self, tracer: Tracer, span: Span) -> None:
        """Add the parts as spans, and the sums as attributes."""
        span.set_attribute("gen_ai.usage.output_tokens", self._tokens)
        if self._prompt_tokens is not None:
            span.set_attribute("gen_ai.usage.input_tokens", self._prompt_tokens)
        if self._seconds:
            # Its share of every step that it was in.
            span.set_attribute("tercet.engine.seconds", self._seconds)
        inside, now_ns = set_span_in_context(span), time.time_ns()
        for name, begin_ns, end_ns in self._parts(now_ns):
            tracer.start_span(name, inside, start_time=begin_ns).end(end_ns)

    def _parts(self, now_ns: int) -> list[tuple[str, int, int]]:
        if self._first_ns is None or self._ttft_s is None or self._queue_s is None:
            return []
        accepted_ns = max(self._began_ns, self._first_ns - int(self._ttft_s * _NS))
        scheduled_ns = min(self._first_ns, accepted_ns + int(self._queue_s * _NS))
        return [
            ("render", self._began_ns, accepted_ns),
            ("engine_queue", accepted_ns, scheduled_ns),
            ("prefill", scheduled_ns, self._first_ns),
            ("decode", self._first_ns, now_ns),
        ]
