"""Traces: one span a request, one a graph node that it goes through, and one a stage of its first token.

OpenTelemetry's own environment variables decide: without OTEL_EXPORTER_OTLP_ENDPOINT (or its traces form) there is no
tracer, and a request costs nothing for it. A client's ``traceparent`` is the parent. What is sampled is kept or dropped
once the request has ended.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from deployments.graph.node import Node
from deployments.telemetry.node_spans import Spanned
from deployments.telemetry.outcome import Outcome
from deployments.telemetry.settings import TraceSettings
from deployments.telemetry.tail import REQUEST, TailKeep
from deployments.telemetry.trace_context import request_in_trace
from deployments.telemetry.verdict import worth_keeping

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_NS = 1_000_000_000
_TRACER = "tercet"


def ignore(request: str) -> None:
    """Tell nobody which traces are kept."""


class Traces:
    """Makes a request's spans; without an exporter it does nothing.

    ``settings`` say what is kept; ``kept`` is told each request whose trace is, named within that.
    """

    def __init__(self, exporter: SpanExporter | None, *, service: str = "tercet-gateway") -> None:
        self.settings = TraceSettings()
        self.kept: Callable[[str], None] = ignore
        self._provider: TracerProvider | None = None
        if exporter is not None:
            resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", service)})
            # Provider and exporter end with the process's replica, not at the interpreter's end.
            self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
            self._tail = TailKeep(BatchSpanProcessor(exporter))
            self._provider.add_span_processor(self._tail)

    def tracer(self) -> Tracer | None:
        """Return what makes spans; None where nothing is traced."""
        return None if self._provider is None else self._provider.get_tracer(_TRACER)

    def decide(self, request: str, *, keep: bool) -> None:
        """Keep what is traced of *request*, named within its trace, or drop it."""
        if self._provider is not None:
            self._tail.decide(request, keep=keep)

    def begin(self, name: str, *, request: str, headers: Mapping[str, str], ago_s: float) -> Span | None:
        """Open the span of a request that arrived *ago_s* seconds ago; None where nothing is traced.

        A request that is not sampled has a span that records nothing, so that this is decided once.
        """
        return self._opened(name, request, headers, time.time_ns() - int(ago_s * _NS))

    def exemplar(self, span: Span | None, ended: Outcome) -> dict[str, str] | None:
        """Return what links a figure to the trace of the request that it is of; None where that is not kept."""
        if span is None or not span.is_recording() or not self._worth(span, ended):
            return None
        context = span.get_span_context()
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}

    def _opened(self, name: str, request: str, headers: Mapping[str, str], begin_ns: int) -> Span | None:
        if self._provider is None:
            return None
        parent = propagate.extract(dict(headers))
        return self._provider.get_tracer(_TRACER).start_span(
            name, parent, kind=SpanKind.SERVER, attributes={REQUEST: request}, start_time=begin_ns
        )

    def _worth(self, span: Span, ended: Outcome) -> bool:
        return worth_keeping(self.settings, span.get_span_context().trace_id, ended)

    def node(self, name: str, kind: str, node: Node) -> Node:
        """Return *node* with a span around each call; itself where nothing is traced."""
        if self._provider is None:
            return node
        return Spanned(name, kind, node, self._provider.get_tracer(_TRACER))

    def record(
        self,
        name: str,
        *,
        request: str,
        headers: Mapping[str, str],
        ended: Outcome,
        stages: Mapping[str, float],
        attributes: Mapping[str, Any],
        span: Span | None = None,
    ) -> None:
        """End the span of *request*, and keep its trace or drop it; *stages* follow each other from its arrival on.

        *span* is what ``begin`` returned, where the request came far enough to have one.
        """
        if self._provider is None:
            return
        end_ns = time.time_ns()
        begin_ns = end_ns - int(ended.duration_s * _NS)
        tracer = self._provider.get_tracer(_TRACER)
        if span is None:
            span = self._opened(name, request, headers, begin_ns)
        if span is None or not span.is_recording():
            return
        span.set_attributes({key: value for key, value in attributes.items() if value is not None})
        if not ended.ok:
            span.set_attribute("error.type", ended.outcome)
            span.set_status(StatusCode.ERROR, ended.outcome)
        _add_stages(tracer, span, begin_ns, stages)
        keep = self._worth(span, ended)
        span.end(end_ns)
        named = request_in_trace(span, request)
        self.decide(named, keep=keep)
        if keep:
            self.kept(named)

    def close(self) -> None:
        """Send what is left; waits a few seconds at most."""
        if self._provider is not None:
            self._provider.force_flush(5_000)
            self._provider.shutdown()


def _add_stages(tracer: Tracer, span: Span, begin_ns: int, stages: Mapping[str, float]) -> None:
    inside = trace.set_span_in_context(span)
    for stage, seconds in stages.items():
        end_ns = begin_ns + int(seconds * _NS)
        tracer.start_span(stage, inside, start_time=begin_ns).end(end_ns)
        begin_ns = end_ns


def from_environment(service: str = "tercet-gateway") -> Traces:
    """Return traces of *service* that go where OpenTelemetry's variables say, or nowhere."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return Traces(None)
    # Seldom configured, and not small.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return Traces(OTLPSpanExporter(), service=service)
