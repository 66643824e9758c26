"""What a tracing backend is sent of a request."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from deployments.telemetry.traces import Traces, from_environment

STAGES = {"routing": 0.25, "prefill": 0.5}


def recorded(**changed: Any) -> dict[str, ReadableSpan]:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    told: dict[str, Any] = {"headers": {}, "duration_s": 2.0, "stages": STAGES, "outcome": "ok", "attributes": {}}
    traces.record("chat auto", **{**told, **changed})
    traces.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_stages_lie_inside_the_request_one_after_the_other() -> None:
    """A waterfall of the first token."""
    spans = recorded(attributes={"gen_ai.request.model": "auto", "gen_ai.response.model": None})
    request, routing, prefill = spans["chat auto"], spans["routing"], spans["prefill"]
    assert routing.start_time == request.start_time
    assert prefill.start_time == routing.end_time
    assert prefill.end_time - prefill.start_time == 500_000_000  # type: ignore[operator]
    assert request.end_time - request.start_time == 2_000_000_000  # type: ignore[operator]
    assert {span.parent.span_id for span in (routing, prefill) if span.parent} == {request.context.span_id}
    assert dict(request.attributes or {}) == {"gen_ai.request.model": "auto"}


def test_the_client_s_trace_goes_on() -> None:
    """W3C Trace Context."""
    sent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    span = recorded(headers=sent)["chat auto"]
    assert f"{span.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"


def test_a_failure_is_marked() -> None:
    """By the error's code."""
    span = recorded(outcome="pool_overloaded")["chat auto"]
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {})["error.type"] == "pool_overloaded"


def test_without_an_endpoint_there_is_no_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves the machine unasked."""
    for name in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    traces = from_environment()
    assert traces._provider is None
    traces.close()


def test_a_request_is_sampled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many requests are exported as were chosen, with their stages; of the others nothing is."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    exporter = InMemorySpanExporter()
    traces, chosen = Traces(exporter), 0
    for _ in range(200):
        span = traces.begin("chat auto", headers={}, ago_s=0.0)
        assert span is not None
        chosen += span.is_recording()
        traces.record(
            "chat auto", headers={}, duration_s=1.0, stages=STAGES, outcome="ok", attributes={}, span=span
        )  # fmt: skip
    traces.close()
    names = [span.name for span in exporter.get_finished_spans()]
    assert 0 < chosen < 200
    assert names.count("chat auto") == names.count("prefill") == chosen
