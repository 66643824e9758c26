"""What a tracing backend is sent of a request."""

from __future__ import annotations

import random
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode, set_span_in_context

from deployments.telemetry.outcome import Outcome
from deployments.telemetry.settings import TraceSettings
from deployments.telemetry.tail import MOST_REQUESTS
from deployments.telemetry.trace_context import request_in_trace
from deployments.telemetry.traces import Traces, from_environment
from deployments.telemetry.verdict import worth_keeping

STAGES = {"routing": 0.25, "prefill": 0.5}


def recorded(**changed: Any) -> dict[str, ReadableSpan]:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    traces.settings = TraceSettings.model_validate(changed.pop("settings", {}))
    ended = Outcome(outcome=changed.pop("outcome", "ok"), duration_s=2.0, ttft_s=0.75)
    told: dict[str, Any] = {"request": "r1", "headers": {}, "ended": ended, "stages": STAGES, "attributes": {}}
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
    assert dict(request.attributes or {}) == {"tercet.request_id": "r1", "gen_ai.request.model": "auto"}


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
    for number in range(200):
        span = traces.begin("chat auto", request=str(number), headers={}, ago_s=0.0)
        assert span is not None
        chosen += span.is_recording()
        ended = Outcome(outcome="ok", duration_s=1.0)
        traces.record(
            "chat auto", request=str(number), headers={}, ended=ended, stages=STAGES, attributes={}, span=span
        )
    traces.close()
    names = [span.name for span in exporter.get_finished_spans()]
    assert 0 < chosen < 200
    assert names.count("chat auto") == names.count("prefill") == chosen


@pytest.mark.parametrize(
    ("settings", "outcome", "kept"),
    [
        ({}, "ok", True),
        ({"share": 0}, "ok", False),
        ({"share": 0}, "engine_failed", True),
        ({"share": 0}, "invalid_request", True),
        ({"share": 0}, "client_closed", False),
        ({"share": 0, "slow": 1}, "ok", True),
        ({"share": 0, "slow": 5, "slow_first_token": "700ms"}, "ok", True),
        ({"share": 0, "slow": 5, "slow_first_token": 1}, "ok", False),
    ],
)
def test_slow_and_failed_requests_are_kept(settings: dict[str, Any], outcome: str, kept: bool) -> None:
    """Whole, or not at all; two seconds in all, three quarters of one to the first token."""
    spans = recorded(settings=settings, outcome=outcome)
    assert sorted(spans) == (["chat auto", "prefill", "routing"] if kept else [])


def test_a_share_is_taken_by_trace() -> None:
    """Requests of one trace share their fate, and about as many traces are kept as was asked for."""
    settings = TraceSettings(share=0.25)
    ended = Outcome(outcome="ok", duration_s=1.0)
    kept = [worth_keeping(settings, random.Random(seed).getrandbits(128), ended) for seed in range(2000)]
    assert 400 < sum(kept) < 600


def test_what_ends_after_its_request_follows_its_verdict() -> None:
    """Shadows, and losers of a race, are still under way when the client has its answer."""
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    tracer = traces.tracer()
    assert tracer is not None
    late = {}
    for request in ("kept", "dropped"):
        span = traces.begin(f"chat {request}", request=request, headers={}, ago_s=0.0)
        assert span is not None
        late[request] = tracer.start_span(f"late {request}", set_span_in_context(span))
        span.end()
        traces.decide(request_in_trace(span, request), keep=request == "kept")
    for span in late.values():
        span.end()
    tracer.start_span("of no request").end()
    traces.close()
    assert sorted(span.name for span in exporter.get_finished_spans()) == ["chat kept", "late kept", "of no request"]


def test_what_is_held_is_bounded() -> None:
    """Requests that nobody decides on cost only so much."""
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    spans = [traces.begin("chat", request=str(number), headers={}, ago_s=0.0) for number in range(MOST_REQUESTS + 10)]
    for span in spans:
        assert span is not None
        span.end()
    for number, span in enumerate(spans):
        assert span is not None
        traces.decide(request_in_trace(span, str(number)), keep=True)
    traces.close()
    assert len(exporter.get_finished_spans()) <= MOST_REQUESTS
    assert len(traces._tail._held) == 0


def test_an_id_that_a_client_uses_again_is_another_request() -> None:
    """What became of the first says nothing of the second."""
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    traces.settings = TraceSettings(share=0.0)
    for outcome in ("ok", "engine_failed"):
        span = traces.begin("chat", request="same", headers={}, ago_s=0.0)
        ended = Outcome(outcome=outcome, duration_s=1.0)
        traces.record("chat", request="same", headers={}, ended=ended, stages={}, attributes={}, span=span)
    traces.close()
    assert [dict(one.attributes or {})["error.type"] for one in exporter.get_finished_spans()] == ["engine_failed"]
