"""A small gateway of one's own in front of another: what stays here, what goes there, and what a failure costs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.gateway import Gateway
from tests.deployments.gateway.building import EngineTransport, ask, engines, gateway, listening, settings, until
from tests.deployments.remote.far import SSE, chunk, far, says, says_slowly

SLOW = SyntheticSpec.model_validate({"step": {"base_ms": 20}, "output_tokens": 1000})
REFUSING = SyntheticSpec.model_validate({"faults": {"refuse": True}})
GRAPH = {"auto": {"fallback": ["distilled", "cloud"]}, "away": {"fallback": ["cloud", "distilled"]}}


def edge(url: str, **fields: Any) -> dict[str, Any]:
    """Return changes to a gateway's settings: one pool, and a model at *url*."""
    remote = {"family": "remote", "url": url, "model": "dense", **fields}
    models = {"distilled": {"family": "distilled"}, "cloud": {"family": "remote", "remote": remote}}
    return {"models": models, "graph": GRAPH, "remote_hosts": [url.split("/")[2]]}


@dataclass(slots=True)
class Hybrid:
    """A client of the edge, its gateway and engines, and the engines of the cloud."""

    calls: httpx.AsyncClient
    gateway: Gateway
    edge: EngineTransport
    cloud: EngineTransport
    url: str


@asynccontextmanager
async def hybrid(local: SyntheticSpec | None = None, there: SyntheticSpec | None = None) -> AsyncIterator[Hybrid]:
    specs = {"dense": there} if there else {}
    async with engines(**specs) as cloud, listening(gateway(cloud)) as far_calls:
        url = f"{str(far_calls.base_url).rstrip('/')}/v1"
        async with engines(**({"distilled": local} if local else {})) as own:
            served = gateway(own, **edge(url))
            async with listening(served) as calls:
                yield Hybrid(calls, served, own, cloud, url)
            await served.close()


async def test_the_edge_answers_by_itself_while_it_can() -> None:
    """Nothing leaves the house."""
    async with hybrid() as both:
        answer = await both.calls.post("/v1/chat/completions", json=ask(max_tokens=3))
        assert answer.headers["x-tercet-path"] == "auto>distilled"
        assert both.cloud.engines["dense"].signals().generated_tokens_total == 0


async def test_the_cloud_answers_what_the_edge_refuses() -> None:
    """Streamed and whole; the client sees the name that the configuration gives it, and the metrics count it."""
    async with hybrid(local=REFUSING) as both:
        for stream in (True, False):
            answer = await both.calls.post("/v1/chat/completions", json=ask(max_tokens=3, stream=stream))
            assert answer.headers["x-tercet-path"] == "auto>distilled!pool_overloaded>cloud"
            assert answer.headers["x-tercet-model"] == "cloud"
            assert '"model":"cloud"' in answer.text
        metrics = (await both.calls.get("/metrics")).text
    assert 'tercet_tokens_total{gateway="test",kind="completion",model="cloud"} 6.0' in metrics


async def test_a_cascade_goes_to_the_cloud_with_what_the_edge_is_not_sure_of() -> None:
    """Judged by the small model's own log-probabilities; the other way round those that the cloud gives."""
    unsure = SyntheticSpec.model_validate({"confidence": 0.3, "step": {"base_ms": 0}})
    async with hybrid(local=unsure) as both:
        for least, model in ((-0.1, "cloud"), (-50.0, "distilled")):
            stages = [{"to": "distilled", "accept": {"mean_logprob": least, "after": 4}}, {"to": "cloud"}]
            changed = edge(both.url) | {"graph": {"auto": {"cascade": stages}}}
            both.gateway.reconfigure(settings(**changed))
            for stream in (True, False):
                answer = await both.calls.post("/v1/chat/completions", json=ask(max_tokens=8, stream=stream))
                assert answer.headers["x-tercet-model"] == model
                assert answer.text.count(f'"model":"{model}"') == answer.text.count('"model":')


async def test_a_client_that_leaves_the_edge_stops_the_work_in_the_cloud() -> None:
    """Within a second, through both gateways."""
    async with hybrid(there=SLOW) as both:
        asked = ask(model="cloud", stream=True)
        async with both.calls.stream("POST", "/v1/chat/completions", json=asked) as answer:
            await anext(answer.aiter_bytes())
        await until(lambda: both.cloud.engines["dense"].signals().aborted_total == 1, within_s=1.0)


async def test_the_edge_stands_in_for_a_cloud_that_fails() -> None:
    """Before the first token, whatever it is: silence, a refused key, a broken connection."""
    late = {"timeout": {"first_token": "200ms"}}
    plays = {
        "first_token_timeout": (says_slowly(30.0), late),
        "misconfigured": (says(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"), {}),
        "engine_failed": (says(SSE), {}),
    }
    for code, (play, fields) in plays.items():
        async with engines() as own, far(play) as there:
            served = gateway(own, **edge(there.url, **fields))
            async with listening(served) as calls:
                answer = await calls.post("/v1/chat/completions", json=ask(model="away", max_tokens=2, stream=True))
            await served.close()
        assert answer.headers["x-tercet-path"] == f"away>cloud!{code}>distilled"


async def test_a_cloud_that_breaks_off_ends_the_stream_with_an_error() -> None:
    """What was delivered cannot be taken back, and no mark of a good end follows."""
    async with engines() as own, far(says(SSE + chunk("a"))) as there:
        served = gateway(own, **edge(there.url))
        async with listening(served) as calls:
            answer = await calls.post("/v1/chat/completions", json=ask(model="cloud", stream=True))
        await served.close()
    *_, last = [event for event in answer.text.split("\n\n") if event]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "engine_failed"
    assert "[DONE]" not in answer.text


async def test_new_settings_reach_new_calls_and_leave_old_ones_alone() -> None:
    """A running stream keeps its connection until it ends, although the model now has another address."""
    async with hybrid(there=SLOW) as both, far(says(SSE + chunk("b", finish_reason="stop"))) as other:
        asked = ask(model="cloud", stream=True, max_tokens=20)
        async with both.calls.stream("POST", "/v1/chat/completions", json=asked) as answer:
            chunks = answer.aiter_text()
            first = await anext(chunks)
            both.gateway.reconfigure(settings(**edge(other.url)))
            moved = await both.calls.post("/v1/chat/completions", json=asked)
            rest = "".join([text async for text in chunks])
    assert '"content": "b"' in moved.text
    assert (first + rest).endswith("data: [DONE]\n\n")


async def test_names_and_endpoints_are_listed() -> None:
    """A remote model is a model like others; a node over it answers what all of its targets do."""
    async with hybrid() as both:
        listed = (await both.calls.get("/v1/models")).json()["data"]
        refused = await both.calls.post("/v1/completions", json={"prompt": "a", "model": "auto"})
    endpoints = {one["id"]: one["endpoints"] for one in listed}
    assert endpoints["cloud"] == endpoints["auto"] == ["/v1/chat/completions"]
    assert refused.status_code == 400
    assert "use distilled" in refused.json()["error"]["message"]
