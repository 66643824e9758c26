"""Every endpoint through the gateway and back, over synthetic engines: who answers, and who cannot."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from deployments.gateway.surfaces import SURFACES
from deployments.request import Endpoint
from deployments.response_id import Place, new_response_id
from tests.deployments.gateway.building import EngineTransport, client, engines, gateway, with_pooling
from tests.exposition import exposition

TURNS = [{"role": "user", "content": "What is the capital of France?"}]
BODIES: dict[Endpoint, dict[str, Any]] = {
    "chat": {"messages": TURNS},
    "completion": {"prompt": "The capital of France is"},
    "responses": {"input": "What is the capital of France?"},
    "messages": {"messages": TURNS, "max_tokens": 9},
    "count_tokens": {"messages": TURNS},
    "embeddings": {"input": ["a cat", "a dog"]},
    "score": {"queries": "a cat", "documents": ["a cat", "stocks"]},
    "rerank": {"query": "a cat", "documents": ["stocks", "a cat"]},
    "tokenize": {"prompt": "The capital of France is"},
}
POOLING = {"embeddings", "score", "rerank"}
STREAMED = ["chat", "completion", "responses", "messages"]


class Remembering(EngineTransport):
    """Reaches synthetic engines, and knows what was asked of them."""

    def __init__(self, inner: EngineTransport) -> None:
        super().__init__(inner.engines)
        self.seen: list[Any] = []

    def stream(self, pool: str, request: Any, context: Any) -> Any:
        self.seen.append((pool, request))
        return super().stream(pool, request, context)


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[Remembering]:
    async with engines() as running:
        yield Remembering(running)


@pytest_asyncio.fixture
async def calls(transport: Remembering) -> AsyncIterator[httpx.AsyncClient]:
    async with client(gateway(transport, **with_pooling())) as one:
        yield one


def events(text: str) -> list[dict[str, Any]]:
    """Decode a stream of named events, whose names are also in their data."""
    assert text.endswith("\n\n")
    decoded = []
    for event in text.removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n", 1)
        decoded.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {decoded[-1]['type']}"
    return decoded


@pytest.mark.parametrize(
    ("endpoint", "path"), [(endpoint, path) for endpoint in BODIES for path in SURFACES[endpoint].paths]
)
async def test_every_address_answers(calls: httpx.AsyncClient, endpoint: Endpoint, path: str) -> None:
    """By the name of a pool, of a graph node, and of nobody; the headers say who it was."""
    pool, node = ("embed", "vectors") if endpoint in POOLING else ("dense", "careful")
    for model, reached in ((pool, pool), (node, f"{node}>{pool}"), (None, None)):
        answer = await calls.post(path, json={**BODIES[endpoint], **({"model": model} if model else {})})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        if reached:
            assert answer.headers["x-tercet-path"] == reached
            assert answer.headers["x-tercet-replica"] == f"{pool}#0"


@pytest.mark.parametrize("endpoint", [endpoint for endpoint in BODIES if endpoint != "tokenize"])
async def test_a_model_that_cannot_names_those_that_can(calls: httpx.AsyncClient, endpoint: Endpoint) -> None:
    """The refusal is the client's fault, and gives the way out."""
    other, able = ("careful", "embed or vectors") if endpoint in POOLING else ("embed", "auto or careful or dense")
    answer = await calls.post(SURFACES[endpoint].paths[0], json={**BODIES[endpoint], "model": other})
    assert answer.status_code == 400
    told = answer.json()["error"]
    assert f"{other} does not answer {SURFACES[endpoint].paths[0]}; use {able}" in told["message"]


async def test_without_a_model_that_could_the_default_is_blamed(transport: Remembering) -> None:
    """Where no model does embeddings, the refusal says so instead of naming any."""
    async with client(gateway(transport)) as calls:
        answer = await calls.post("/v1/embeddings", json={"input": "x"})
    assert answer.status_code == 400
    assert "no model here does" in answer.json()["error"]["message"]


async def test_the_listing_says_what_each_name_answers(calls: httpx.AsyncClient) -> None:
    """Every endpoint of a listed name answers under that name."""
    listed = {one["id"]: one["endpoints"] for one in (await calls.get("/v1/models")).json()["data"]}
    assert listed["embed"] == listed["vectors"] == [
        "/v1/embeddings", "/v1/score", "/v1/rerank", "/tokenize", "/detokenize",
    ]  # fmt: skip
    assert "/v1/responses" in listed["auto"]
    assert "/v1/embeddings" not in listed["auto"]
    by_path = {SURFACES[endpoint].paths[0]: body for endpoint, body in BODIES.items()}
    for name, paths in listed.items():
        for path in paths:
            if path in by_path:
                assert (await calls.post(path, json={**by_path[path], "model": name})).status_code == 200


async def test_a_response_streams_the_events_that_its_whole_body_sums_up(calls: httpx.AsyncClient) -> None:
    """Numbered without gaps, opened and completed, and the deltas are the text."""
    body = {**BODIES["responses"], "model": "dense", "max_output_tokens": 7}
    whole = (await calls.post("/v1/responses", json=body)).json()
    streamed = events((await calls.post("/v1/responses", json={**body, "stream": True})).text)
    assert [event["sequence_number"] for event in streamed] == list(range(len(streamed)))
    assert (streamed[0]["type"], streamed[-1]["type"]) == ("response.created", "response.incomplete")
    text = "".join(event["delta"] for event in streamed if event["type"] == "response.output_text.delta")
    assert (
        text == whole["output"][0]["content"][0]["text"] == streamed[-1]["response"]["output"][0]["content"][0]["text"]
    )
    assert whole["usage"] == streamed[-1]["response"]["usage"]
    assert whole["usage"]["output_tokens"] == 7


async def test_a_message_streams_the_events_that_its_whole_body_sums_up(calls: httpx.AsyncClient) -> None:
    """In Anthropic's order, with the stop reason and the usage before the end."""
    body = {**BODIES["messages"], "model": "dense"}
    whole = (await calls.post("/v1/messages", json=body)).json()
    streamed = events((await calls.post("/v1/messages", json={**body, "stream": True})).text)
    kinds = [event["type"] for event in streamed if event["type"] != "content_block_delta"]
    assert kinds == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]
    text = "".join(event["delta"]["text"] for event in streamed if event["type"] == "content_block_delta")
    assert text == whole["content"][0]["text"]
    assert streamed[-2]["delta"]["stop_reason"] == whole["stop_reason"] == "max_tokens"
    assert streamed[-2]["usage"] == whole["usage"]
    counted = (await calls.post("/v1/messages/count_tokens", json={**BODIES["count_tokens"], "model": "dense"})).json()
    assert counted == {"input_tokens": whole["usage"]["input_tokens"]}


@pytest.mark.parametrize("endpoint", STREAMED)
async def test_streams_are_counted_alike(transport: Remembering, endpoint: Endpoint) -> None:
    """Tokens reach the metrics from every surface."""
    limit = "max_output_tokens" if endpoint == "responses" else "max_tokens"
    served = gateway(transport, **with_pooling())
    async with client(served) as calls:
        body = {**BODIES[endpoint], "model": "dense", limit: 9, "stream": True}
        assert (await calls.post(SURFACES[endpoint].paths[0], json=body)).status_code == 200
    metrics = exposition(served.metrics).decode()
    assert 'tercet_tokens_total{kind="completion",model="dense"} 9.0' in metrics


async def test_a_stored_response_is_found_where_it_was_made(calls: httpx.AsyncClient, transport: Remembering) -> None:
    """Retrieved as it was sent, and gone on from, both at the replica that its id names."""
    made = (await calls.post("/v1/responses", json={**BODIES["responses"], "model": "careful"})).json()
    assert (await calls.get(f"/v1/responses/{made['id']}")).json() == made
    onward = {"input": "And of Italy?", "previous_response_id": made["id"]}
    answers = [await calls.post("/v1/responses", json=body) for body in (onward, {**onward, "model": "auto"})]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["usage"]["input_tokens"] > made["usage"]["input_tokens"]
    assert [(pool, request.replica) for pool, request in transport.seen] == [("dense", ""), *[("dense", "dense#0")] * 3]


@pytest.mark.parametrize("pool", ["moe", "gone"])
async def test_an_id_of_another_place_is_not_found(calls: httpx.AsyncClient, pool: str) -> None:
    """What nobody here keeps is a 404 that names the field, wherever the id says it is."""
    made_up = new_response_id(Place(pool=pool, replica="x"))
    for response_id in (made_up, "resp_1", "a b", "é"):
        for answer in (
            await calls.get(f"/v1/responses/{response_id}"),
            await calls.post(f"/v1/responses/{response_id}/cancel"),
            await calls.post("/v1/responses", json={"input": "x", "previous_response_id": response_id}),
        ):
            assert answer.status_code == 404
            assert answer.json()["error"]["param"] in ("response_id", "previous_response_id")


async def test_what_cannot_be_done_with_a_stored_response_is_said(calls: httpx.AsyncClient) -> None:
    """A model that did not make it, a query that is none, and what is complete already."""
    made = (await calls.post("/v1/responses", json={**BODIES["responses"], "model": "dense"})).json()["id"]
    refused = {
        "previous_response_id": await calls.post(
            "/v1/responses", json={"input": "x", "previous_response_id": made, "model": "quick2"}
        ),
        "stream": await calls.get(f"/v1/responses/{made}?stream=perhaps"),
        "starting_after": await calls.get(f"/v1/responses/{made}?stream=true&starting_after=-1"),
        "response_id": await calls.post(f"/v1/responses/{made}/cancel"),
    }
    assert refused.pop("previous_response_id").json()["error"]["code"] == "model_not_found"
    for field, answer in refused.items():
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    other = await calls.post("/v1/responses", json={"input": "x", "previous_response_id": made, "model": "moe"})
    assert "was answered by dense" in other.json()["error"]["message"]


async def test_a_response_that_is_not_stored_is_not_found() -> None:
    """The client's word about storing counts."""
    async with engines() as running, client(gateway(running)) as calls:
        made = (await calls.post("/v1/responses", json={**BODIES["responses"], "store": False})).json()["id"]
        assert (await calls.get(f"/v1/responses/{made}")).status_code == 404


async def test_vectors_are_alike_where_texts_are(calls: httpx.AsyncClient) -> None:
    """The ranking puts the same words first, and a score agrees with it."""
    ranked = (await calls.post("/v1/rerank", json={**BODIES["rerank"], "top_n": 1})).json()["results"]
    assert [one["index"] for one in ranked] == [1]
    scored = (await calls.post("/v1/score", json=BODIES["score"])).json()["data"]
    assert scored[0]["score"] == pytest.approx(1.0) == ranked[0]["relevance_score"]
    assert scored[1]["score"] < 0.9
