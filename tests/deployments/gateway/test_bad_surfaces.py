"""Wrong input to the younger endpoints: a 4xx in the surface's own form that names the field."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from deployments.errors import Overloaded
from deployments.signals import FleetView, PoolState, ReplicaPlace
from tests.deployments.gateway.building import client, gateway, with_pooling
from tests.deployments.scripted import Scripted

TURNS = [{"role": "user", "content": "hi"}]
MESSAGE = {"messages": TURNS, "max_tokens": 5}
TOO_MANY = ["x"] * 2000


async def post(path: str, body: dict[str, Any]) -> httpx.Response:
    async with client(
        gateway(Scripted({"dense": [b"{}"], "embed": [b"{}"]}), **with_pooling(default="dense"))
    ) as calls:
        return await calls.post(path, json=body)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/responses", {}, "input"),
        ("/v1/responses", {"input": ""}, "input"),
        ("/v1/responses", {"input": []}, "input"),
        ("/v1/responses", {"input": 7}, "input"),
        ("/v1/responses", {"input": [7]}, "input[0]"),
        ("/v1/responses", {"input": [{}]}, "input[0].role"),
        ("/v1/responses", {"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
        ("/v1/responses", {"input": [{"role": "user"}]}, "input[0].content"),
        ("/v1/responses", {"input": [{"role": "user", "content": [{}]}]}, "input[0].content[0].type"),
        ("/v1/responses", {"input": [{"type": "x"}] * 2000}, "input"),
        ("/v1/responses", {"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
        ("/v1/responses", {"input": "x", "temperature": "hot"}, "temperature"),
        ("/v1/responses", {"input": "x", "background": True, "store": False}, "background"),
        ("/v1/responses", {"input": "x", "previous_response_id": 7}, "previous_response_id"),
        ("/v1/responses", {"input": "x", "metadata": {"a": 1}}, "metadata"),
        ("/v1/responses", {"input": "x", "conversation": "conv_1"}, "conversation"),
        ("/v1/responses", {"input": "x", "truncation": "perhaps"}, "truncation"),
        ("/v1/embeddings", {}, "input"),
        ("/v1/embeddings", {"input": ""}, "input"),
        ("/v1/embeddings", {"input": ["a", 7]}, "input"),
        ("/v1/embeddings", {"input": [-1]}, "input[0]"),
        ("/v1/embeddings", {"input": TOO_MANY}, "input"),
        ("/v1/embeddings", {"input": "x", "encoding_format": "bytes"}, "encoding_format"),
        ("/v1/embeddings", {"input": "x", "dimensions": 0}, "dimensions"),
        ("/v1/score", {}, "queries"),
        ("/v1/score", {"queries": "x"}, "documents"),
        ("/v1/score", {"queries": "x", "documents": []}, "documents"),
        ("/v1/score", {"queries": ["a", "b"], "documents": ["c"]}, "queries"),
        ("/score", {"text_1": "x", "text_2": ["a", ""]}, "text_2"),
        ("/v1/rerank", {"query": "x"}, "documents"),
        ("/v1/rerank", {"query": "", "documents": ["a"]}, "query"),
        ("/v1/rerank", {"query": "x", "documents": TOO_MANY}, "documents"),
        ("/v2/rerank", {"query": "x", "documents": ["a"], "top_n": -1}, "top_n"),
        ("/tokenize", {}, "prompt"),
        ("/tokenize", {"prompt": 7}, "prompt"),
        ("/tokenize", {"prompt": "x", "messages": TURNS}, "prompt"),
        ("/tokenize", {"messages": [{"role": "user"}]}, "messages[0].content"),
        ("/detokenize", {}, "tokens"),
        ("/detokenize", {"tokens": ["x"]}, "tokens[0]"),
        ("/detokenize", {"tokens": [2**40]}, "tokens[0]"),
    ],
)
async def test_a_wrong_field_is_named(path: str, body: dict[str, Any], param: str) -> None:
    """``param`` is the field, and the message begins with it."""
    answer = await post(path, body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"], error["type"]) == (param, "invalid_request", "invalid_request_error")
    assert error["message"].startswith(f"{param}: ")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": TURNS}, "max_tokens"),
        ({**MESSAGE, "max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 5}, "messages"),
        ({**MESSAGE, "messages": []}, "messages"),
        ({**MESSAGE, "messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({**MESSAGE, "messages": [{"role": "user", "content": ""}]}, "messages[0].content"),
        ({**MESSAGE, "messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({**MESSAGE, "system": 7}, "system"),
        ({**MESSAGE, "stop_sequences": "x"}, "stop_sequences"),
        ({**MESSAGE, "tools": [{}]}, "tools[0].name"),
        ({**MESSAGE, "stream": "yes"}, "stream"),
    ],
)
async def test_a_wrong_field_of_a_message_is_named_in_anthropics_form(body: dict[str, Any], field: str) -> None:
    """Type, error and request id, and the message begins with the field."""
    answer = await post("/v1/messages", body)
    assert answer.status_code == 400
    told = answer.json()
    assert (set(told), told["type"]) == ({"type", "error", "request_id"}, "error")
    assert told["error"]["type"] == "invalid_request_error"
    assert told["error"]["message"].startswith(f"{field}: ")
    assert told["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "invalid_request_error"),
        ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "invalid_request_error"),
        ({"json": {**MESSAGE, "model": "dens"}}, 404, "not_found_error"),
        ({"json": {**MESSAGE, "x": "x" * 9_000_000}}, 413, "request_too_large"),
        ({"json": MESSAGE}, 529, "overloaded_error"),
    ],
)
async def test_anthropics_statuses_and_types_go_together(sent: dict[str, Any], status: int, kind: str) -> None:
    """As its clients map them to exceptions; overload says when to come back."""
    transport = Scripted({"dense": [Overloaded("full", retry_after_s=2.0)]})
    async with client(gateway(transport, default="dense", graph={})) as calls:
        answer = await calls.post("/v1/messages", **sent)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert ("retry-after" in answer.headers) == (status == 529)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/messages", 405), ("POST", "/v1/messages/batches", 404)]
)
async def test_wrong_addresses_below_messages_are_anthropics_errors(method: str, path: str, status: int) -> None:
    """A client that tries what is not there can read the refusal."""
    async with client(gateway(Scripted({}))) as calls:
        answer = await calls.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (status, "error")
    assert answer.json()["request_id"] == answer.headers["request-id"]


async def test_a_draining_gateway_says_so_in_the_surfaces_form() -> None:
    """Refused before the body is read."""
    async with client(gateway(Scripted({}), draining=True)) as calls:
        messages, responses = await calls.post("/v1/messages"), await calls.post("/v1/responses")
    assert (messages.status_code, messages.json()["error"]["type"]) == (529, "overloaded_error")
    assert (responses.status_code, responses.json()["error"]["code"]) == (503, "rejected")


async def test_nobody_is_told_where_replicas_are() -> None:
    """Readiness is for everyone; addresses and keys are not."""

    place = ReplicaPlace(replica="r", address="10.0.0.1:7", key="secret")
    view = FleetView(at_s=0, pools={"dense": PoolState(ready=1, target=1, starting=0, replicas=(place,))})
    async with client(gateway(Scripted({}), lambda: view, default="dense", graph={})) as calls:
        told = (await calls.get("/ready")).text
    assert "dense" in told
    assert "secret" not in told
    assert "10.0.0.1" not in told
