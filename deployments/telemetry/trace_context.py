"""A span's place in its trace as headers (W3C Trace Context)."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.trace import Span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def headers_of(span: Span | None) -> Mapping[str, str]:
    """Return ``traceparent``, and ``tracestate`` where there is one; nothing where nothing is traced."""
    if span is None:
        return {}
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers, set_span_in_context(span))
    return headers


def request_in_trace(span: Span, request: str) -> str:
    """Name *request* within its trace: clients choose ids of requests, and may choose one again."""
    return f"{span.get_span_context().trace_id:032x}/{request}"


def trace_id(span: Span | None) -> Mapping[str, str]:
    """Return the trace's id as a log line's field; nothing where nothing is traced."""
    if span is None or not span.is_recording():
        return {}
    return {"trace_id": f"{span.get_span_context().trace_id:032x}"}
