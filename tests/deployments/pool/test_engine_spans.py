"""One trace from a client to an engine's steps, sent to a real receiver by gateway and replica."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.gateway import Gateway
from deployments.pool.engine_spans import EngineSpans
from deployments.pool.links import Links
from deployments.pool.listener import Listener
from deployments.pool.transport import PoolTransport
from deployments.pool.wire import Call, Load, context_of
from deployments.signals import FleetView, PoolState, ReplicaPlace
from deployments.telemetry.traces import Traces, from_environment
from tests.deployments.gateway.building import client, settings
from tests.otlp import Receiver, receiver

CHAT = "/v1/chat/completions"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "tracestate": "vendor=1"}


@dataclass(frozen=True, slots=True)
class Traced:
    gateway: Gateway
    engine: Traces
    sent: Receiver
    kept: asyncio.Event

    async def flush(self) -> None:
        """Send what both have kept, once the replica has the gateway's word on a trace."""
        await asyncio.wait_for(self.kept.wait(), timeout=10)
        await self.close()

    async def close(self) -> None:
        """Send what is there."""
        for traces in (self.gateway.traces, self.engine):
            await asyncio.to_thread(traces.close)


@asynccontextmanager
async def traced(folder: Path, monkeypatch: pytest.MonkeyPatch, **telemetry: Any) -> AsyncIterator[Traced]:
    """Run a gateway, one replica that it reaches over a link, and a receiver that both export to."""
    with receiver(folder) as sent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sent.url)
        spec = SyntheticSpec.model_validate({"step": {"base_ms": 2}, "faults": telemetry.pop("faults", {})})
        engine = SyntheticEngine("dense", "dense", "r0", spec)
        await engine.start()
        theirs = from_environment("tercet-engine")
        spans = EngineSpans("dense", "r0", theirs)

        kept = asyncio.Event()

        def keep(request: str) -> None:
            theirs.decide(request, keep=True)
            kept.set()

        def answer(call: Call) -> Any:
            frames = engine.generate(call.request, context_of(call, now_s=time.monotonic()))
            return spans.around(call, frames)  # type: ignore[arg-type]

        listener = Listener(answer, lambda yours: Load(yours=yours, limit=8), kept=keep)
        await listener.start("127.0.0.1")
        place = ReplicaPlace(replica="r0", address=listener.address, key=listener.key)
        view = FleetView(at_s=0.0, pools={"dense": PoolState(ready=1, target=1, starting=0, replicas=(place,))})
        links = Links()
        links.follow(view)
        models = {"dense": {"family": "dense"}}
        graph = {"auto": {"fallback": ["dense"]}}
        gateway = Gateway(
            settings(models=models, graph=graph, telemetry=telemetry),
            PoolTransport(lambda: view, links),
            fleet=lambda: view,
            traces=from_environment(),
        )
        gateway.traces.kept = links.keep
        run = Traced(gateway, theirs, sent, kept)
        try:
            yield run
        finally:
            await run.close()
            await gateway.close()
            await links.close()
            await listener.close()
            await engine.stop()


def ask(**changed: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "say something"}], "max_tokens": 3, **changed}


async def test_one_trace_from_the_client_to_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each span inside the one above, over the processes' boundary; no text of prompt or answer anywhere."""
    async with traced(tmp_path, monkeypatch) as run:
        async with client(run.gateway) as calls:
            answer = await calls.post(CHAT, json=ask(temperature=0.5), headers={**PARENT, "x-session-id": "s1"})
            assert answer.status_code == 200
        await run.flush()
        spans = run.sent.until(lambda found: any(one["service"] == "tercet-engine" for one in found))
    by_name = {(one["service"], one["name"]): one for one in spans}
    way = [
        ("tercet-gateway", "chat auto"),
        ("tercet-gateway", "fallback auto"),
        ("tercet-gateway", "chat dense"),
        ("tercet-engine", "engine dense"),
        ("tercet-engine", "decode"),
    ]
    assert by_name[way[0]]["parent"] == "b7ad6b7169203331"
    for above, below in pairwise(way):
        assert by_name[below]["parent"] == by_name[above]["span"], below
    assert {one["trace"] for one in spans} == {TRACE}
    parts = [by_name["tercet-engine", name] for name in ("render", "engine_queue", "prefill", "decode")]
    assert all(one["end"] == following["begin"] for one, following in pairwise(parts))
    told = by_name["tercet-engine", "engine dense"]["attributes"]
    assert told["gen_ai.usage.output_tokens"] == 3
    assert told["tercet.engine.seconds"] > 0
    asked = by_name["tercet-gateway", "chat auto"]["attributes"]
    assert asked["gen_ai.operation.name"] == "chat"
    assert asked["gen_ai.request.max_tokens"] == 3
    assert asked["gen_ai.request.temperature"] == 0.5
    assert asked["gen_ai.conversation.id"] == "s1"
    assert "say something" not in str(spans)
    assert not any("messages" in key for one in spans for key in one["attributes"])


async def test_texts_are_there_for_who_asked_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut after as many characters as was said."""
    kept = {"content": True, "content_limit": 50}
    async with traced(tmp_path, monkeypatch, traces=kept) as run:
        async with client(run.gateway) as calls:
            await calls.post(CHAT, json=ask(max_tokens=40))
        await run.flush()
        spans = run.sent.until(lambda found: any(one["name"] == "chat auto" for one in found))
    (told,) = [one["attributes"] for one in spans if one["name"] == "chat auto"]
    assert told["gen_ai.input.messages"] == '[{"role":"user","content":"say something"}]'[:50]
    assert told["gen_ai.output.messages"].startswith('[{"role":"assistant","parts":[{"type":"text","content":"')
    assert len(told["gen_ai.output.messages"]) < 150


async def test_of_fast_requests_nothing_is_kept_and_of_failed_ones_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what the replica has traced, which cannot know how the request ended."""
    async with traced(tmp_path, monkeypatch, traces={"share": 0}, faults={"die_after_tokens": 2}) as run:
        async with client(run.gateway) as calls:
            quick = await calls.post(CHAT, json=ask(max_tokens=1))
            failed = await calls.post(CHAT, json=ask(max_tokens=8))
            assert (quick.status_code, failed.status_code) == (200, 503)
        await run.flush()
        spans = run.sent.until(lambda found: any(one["service"] == "tercet-engine" for one in found))
    roots = [one for one in spans if one["name"] == "chat auto"]
    assert [one["attributes"]["error.type"] for one in roots] == ["engine_failed"]
    assert len({one["trace"] for one in spans}) == 1
    engine = [one for one in spans if one["name"] == "engine dense"]
    assert engine
    assert all(one["error"] for one in engine)


async def test_figures_link_to_the_traces_that_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As exemplars, which only OpenMetrics has; one that was dropped is linked to by nothing."""
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    async with traced(tmp_path, monkeypatch) as run, client(run.gateway) as calls:
        await calls.post(CHAT, json=ask(), headers=PARENT)
        kept = (await calls.get("/metrics", headers=accept)).text
        run.gateway.traces.settings = run.gateway.traces.settings.model_copy(update={"share": 0.0})
        other = "f" * 32
        await calls.post(CHAT, json=ask(), headers={"traceparent": f"00-{other}-b7ad6b7169203331-01"})
        after = (await calls.get("/metrics", headers=accept)).text
    linked = [line for line in kept.splitlines() if f'trace_id="{TRACE}"' in line]
    assert {line.partition("_bucket{")[0] for line in linked} == {
        "tercet_ttft_seconds", "tercet_request_duration_seconds", "tercet_time_per_output_token_seconds",
    }  # fmt: skip
    assert other not in after
