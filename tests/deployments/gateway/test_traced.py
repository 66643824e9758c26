"""A traced request over HTTP: the client's trace goes on through the request to every node."""

from __future__ import annotations

from itertools import pairwise

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from deployments.gateway.gateway import Gateway
from deployments.telemetry.traces import Traces
from tests.deployments.gateway.building import CODE, client, engines, fleet, settings

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_node_spans_lie_inside_the_request_s() -> None:
    """From the client's span down to the model's, in one trace."""
    exporter = InMemorySpanExporter()
    async with engines() as transport:
        served = Gateway(settings(), transport, fleet=fleet, traces=Traces(exporter))
        async with client(served) as http:
            answer = await http.post(
                "/v1/chat/completions",
                json={"messages": [{"role": "user", "content": CODE}], "max_tokens": 3},
                headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"},
            )
            assert answer.headers["x-tercet-path"] == "auto>careful>dense"
            refused = await http.post("/v1/chat/completions", json={"model": "nobody", "messages": []})
            assert refused.status_code in {400, 404}
        served.traces.close()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    way = ["chat auto", "switch auto", "fallback careful", "chat dense"]
    for above, below in pairwise(way):
        found = spans[below].parent
        assert found is not None
        assert found.span_id == spans[above].context.span_id
        assert spans[above].start_time <= spans[below].start_time  # type: ignore[operator]
        assert spans[below].end_time <= spans[above].end_time  # type: ignore[operator]
    assert {f"{spans[name].context.trace_id:032x}" for name in way} == {TRACE}
    assert dict(spans["chat auto"].attributes or {})["tercet.path"] == "auto>careful>dense"
    assert dict(spans["chat dense"].attributes or {})["gen_ai.usage.output_tokens"] == 3
    assert "chat unknown" in spans
