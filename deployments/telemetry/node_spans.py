"""A span for each node that a request goes through, nested as the graph is.

Only a traced request has any: without a span in its context a node is called as it is. Names and attributes follow
OpenTelemetry's conventions for generative AI where a model is asked, and are the graph's own elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field, replace

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from deployments.errors import ServingError
from deployments.graph.closing import closing
from deployments.graph.node import Node
from deployments.request import Context, Frame, Head, Request
from deployments.telemetry.operations import PROVIDER
from deployments.telemetry.operations import operation as operation_of

MODEL = "model"


@dataclass(frozen=True, slots=True)
class Spanned:
    """Calls *node* inside a span of its own where the request is traced."""

    name: str
    kind: str
    node: Node
    tracer: Tracer

    def __call__(self, request: Request, context: Context) -> AsyncIterator[Frame]:
        """Stream the node's answer."""
        if context.span is None:
            return self.node(request, context)
        return self._within(context.span, request, context)

    async def _within(self, above: Span, request: Request, context: Context) -> AsyncGenerator[Frame]:
        span = self._begun(above, request)
        seen, outcome = _Seen(), "cancelled"
        try:
            async with closing(self.node(request, replace(context, span=span))) as frames:
                async for frame in frames:
                    seen.take(frame)
                    yield frame
            outcome = "ok"
        except ServingError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = ServingError.code
            raise
        finally:
            self._end(span, seen, outcome)

    def _begun(self, above: Span, request: Request) -> Span:
        inside = trace.set_span_in_context(above)
        if self.kind != MODEL:
            told = {"tercet.node.name": self.name, "tercet.node.kind": self.kind}
            return self.tracer.start_span(f"{self.kind} {self.name}", inside, attributes=told)
        operation = operation_of(request.endpoint)
        asked = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": PROVIDER,
            "gen_ai.request.model": self.name,
        }
        return self.tracer.start_span(f"{operation} {self.name}", inside, kind=SpanKind.CLIENT, attributes=asked)

    def _end(self, span: Span, seen: _Seen, outcome: str) -> None:
        span.set_attribute("tercet.outcome", outcome)
        if self.kind == MODEL:
            seen.tell(span)
        # A branch that lost a race, or whose client left, has not failed.
        if outcome not in {"ok", "cancelled"}:
            span.set_attribute("error.type", outcome)
            span.set_status(StatusCode.ERROR, outcome)
        span.end()


@dataclass(slots=True)
class _Seen:
    """What went through a span."""

    began_s: float = field(default_factory=time.monotonic)
    first_s: float | None = None
    tokens: int = 0
    prompt_tokens: int | None = None
    finish_reason: str | None = None
    head: Head | None = None

    def take(self, frame: Frame) -> None:
        if self.first_s is None:
            self.first_s = time.monotonic() - self.began_s
        self.head = frame.head or self.head
        self.tokens += frame.tokens
        self.prompt_tokens = frame.prompt_tokens or self.prompt_tokens
        self.finish_reason = frame.finish_reason or self.finish_reason

    def tell(self, span: Span) -> None:
        span.set_attribute("gen_ai.usage.output_tokens", self.tokens)
        if self.prompt_tokens is not None:
            span.set_attribute("gen_ai.usage.input_tokens", self.prompt_tokens)
        if self.first_s is not None:
            span.set_attribute("gen_ai.response.time_to_first_chunk", self.first_s)
        if self.finish_reason is not None:
            span.set_attribute("gen_ai.response.finish_reasons", [self.finish_reason])
        if self.head is not None:
            span.set_attribute("gen_ai.response.model", self.head.model)
            span.set_attribute("tercet.replica", self.head.replica)
