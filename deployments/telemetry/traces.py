"""Traces: one span a request, one a graph node that it goes through, and one a stage of its first token.

OpenTelemetry's own environment variables decide: without OTEL_EXPORTER_OTLP_ENDPOINT (or its traces form) there is no
tracer, and a request costs nothing for it. A client's ``traceparent`` is the parent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode

from deployments.graph.node import Node
from deployments.telemetry.node_spans import Spanned

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_NS = 1_000_000_000
_TRACER = "tercet"


class Traces:
    """Makes a request's spans; without an exporter it does nothing."""

    def __init__(self, exporter: SpanExporter | None) -> None:
        self._provider: TracerProvider | None = None
        if exporter is not None:
            resource = Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "tercet-gateway")})
            self._provider = TracerProvider(resource=resource)
            self._provider.add_span_processor(BatchSpanProcessor(exporter))

    def begin(self, name: str, *, headers: Mapping[str, str], ago_s: float) -> Span | None:
        """Open the span of a request that arrived *ago_s* seconds ago; None where nothing is traced.

        A request that is not sampled has a span that records nothing, so that this is decided once.
        """
        if self._provider is None:
            return None
        begin_ns = time.time_ns() - int(ago_s * _NS)
        parent = propagate.extract(dict(headers))
        return self._provider.get_tracer(_TRACER).start_span(name, parent, kind=SpanKind.SERVER, start_time=begin_ns)

    def node(self, name: str, kind: str, node: Node) -> Node:
        """Return *node* with a span around each call; itself where nothing is traced."""
        if self._provider is None:
            return node
        return Spanned(name, kind, node, self._provider.get_tracer(_TRACER))

    def record(
        self,
        name: str,
        *,
        headers: Mapping[str, str],
        duration_s: float,
        stages: Mapping[str, float],
        outcome: str,
        attributes: Mapping[str, Any],
        span: Span | None = None,
    ) -> None:
        """Export one request that has just ended; *stages* follow each other from its arrival on.

        *span* is what ``begin`` returned, where the request came far enough to have one.
        """
        if self._provider is None:
            return
        end_ns = time.time_ns()
        begin_ns = end_ns - int(duration_s * _NS)
        tracer = self._provider.get_tracer(_TRACER)
        if span is None:
            parent = propagate.extract(dict(headers))
            span = tracer.start_span(name, parent, kind=SpanKind.SERVER, start_time=begin_ns)
        if not span.is_recording():
            return
        span.set_attributes({key: value for key, value in attributes.items() if value is not None})
        if outcome != "ok":
            span.set_attribute("error.type", outcome)
            span.set_status(StatusCode.ERROR, outcome)
        _add_stages(tracer, span, begin_ns, stages)
        span.end(end_ns)

    def close(self) -> None:
        """Send what is left; waits a few seconds at most."""
        if self._provider is not None:
            self._provider.force_flush(5_000)
            self._provider.shutdown()


def _add_stages(tracer: trace.Tracer, span: Span, begin_ns: int, stages: Mapping[str, float]) -> None:
    inside = trace.set_span_in_context(span)
    for stage, seconds in stages.items():
        end_ns = begin_ns + int(seconds * _NS)
        tracer.start_span(stage, inside, start_time=begin_ns).end(end_ns)
        begin_ns = end_ns


def from_environment() -> Traces:
    """Return traces that go where OpenTelemetry's variables say, or nowhere."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return Traces(None)
    # Seldom configured, and not small.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return Traces(OTLPSpanExporter())
