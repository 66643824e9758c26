"""A span for each node: nested as the graph is, and only where a request is traced."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from deployments.errors import NoReplica, ServingError
from deployments.graph.wiring import Wiring
from deployments.request import Frame, Head
from deployments.telemetry.node_spans import Spanned
from deployments.telemetry.outcome import Outcome
from deployments.telemetry.traces import Traces
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Scripted, chat, collect, compiled, context

GRAPH = {"auto": {"switch": [{"to": "careful"}]}, "careful": {"fallback": ["dense", "moe"]}}
HEAD = Head(model="moe", path=("moe",), replica="moe#0")
LAST = Frame(data=b"x", tokens=2, prompt_tokens=7, finish_reason="stop", head=HEAD)


def traced(pools: dict[str, list[Act]], *, take: int | None = None) -> dict[str, ReadableSpan]:
    """Answer one request and return its spans by name; *take* frames, then the client leaves."""
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    node = compiled(GRAPH, Scripted(pools), traced=traces.node)["auto"]
    span = traces.begin("chat auto", request="r1", headers={}, ago_s=0.5)
    assert span is not None

    async def answered() -> None:
        if take is None:
            await collect(node, chat(), context(span=span))
            return
        frames: Any = node(chat(), context(span=span))
        for _ in range(take):
            await anext(frames)
        await frames.aclose()

    with contextlib.suppress(ServingError):
        leap(answered())
    ended = Outcome(outcome="ok", duration_s=1.0)
    traces.record("chat auto", request="r1", headers={}, ended=ended, stages={}, attributes={}, span=span)
    traces.close()
    return {one.name: one for one in exporter.get_finished_spans()}


def test_spans_nest_as_the_graph_does() -> None:
    """The request, the switch in it, the fallback in that, and both of its models."""
    spans = traced({"dense": [NoReplica("down")], "moe": [LAST]})
    above = {"chat auto": None, "switch auto": "chat auto", "fallback careful": "switch auto",
             "chat dense": "fallback careful", "chat moe": "fallback careful"}  # fmt: skip
    assert spans.keys() == above.keys()
    for name, parent in above.items():
        found = spans[name].parent
        assert (found.span_id if found else None) == (spans[parent].context.span_id if parent else None)
    assert len({span.context.trace_id for span in spans.values()}) == 1


def test_a_model_s_span_follows_the_conventions() -> None:
    """A client call of generative AI with what it used."""
    span = traced({"dense": [NoReplica("down")], "moe": [LAST]})["chat moe"]
    told = dict(span.attributes or {})
    assert span.kind is SpanKind.CLIENT
    assert told.pop("gen_ai.response.time_to_first_chunk") >= 0  # type: ignore[operator]
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "tercet",
        "gen_ai.request.model": "moe",
        "gen_ai.response.model": "moe",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 2,
        "tercet.outcome": "ok",
        "tercet.replica": "moe#0",
    }


def test_a_branch_that_failed_is_marked_and_the_node_that_moved_on_is_not() -> None:
    """By the error's code."""
    spans = traced({"dense": [NoReplica("down")], "moe": [LAST]})
    assert spans["chat dense"].status.status_code is StatusCode.ERROR
    assert dict(spans["chat dense"].attributes or {})["error.type"] == "no_replica"
    assert spans["fallback careful"].status.status_code is StatusCode.UNSET
    assert dict(spans["fallback careful"].attributes or {}) == {
        "tercet.node.name": "careful", "tercet.node.kind": "fallback", "tercet.outcome": "ok",
    }  # fmt: skip


def test_a_client_that_leaves_ends_every_span_and_breaks_none() -> None:
    """Cancelled is an outcome, not an error."""
    spans = traced({"dense": [b"a", Hang()], "moe": []}, take=1)
    for name in ("switch auto", "fallback careful", "chat dense"):
        assert dict(spans[name].attributes or {})["tercet.outcome"] == "cancelled"
        assert spans[name].status.status_code is StatusCode.UNSET


def test_nothing_is_wrapped_where_nothing_is_traced() -> None:
    """Tracing that is off costs nothing: the nodes are the very same objects."""
    node = compiled(GRAPH, Scripted({}))["dense"]
    assert Traces(None).node("dense", "model", node) is node
    assert not isinstance(node, Spanned)
    assert Wiring().traced("dense", "model", node) is node
    assert Traces(None).begin("chat auto", request="r1", headers={}, ago_s=0.0) is None


@pytest.mark.parametrize("answer", [[b"a"], [LAST]])
def test_a_request_without_a_span_goes_through_untouched(answer: list[Act]) -> None:
    """Sampling decides at the request; its nodes follow."""
    exporter = InMemorySpanExporter()
    traces = Traces(exporter)
    node = compiled(GRAPH, Scripted({"dense": answer}), traced=traces.node)["auto"]
    assert len(leap(collect(node))) == 1
    traces.close()
    assert not exporter.get_finished_spans()
