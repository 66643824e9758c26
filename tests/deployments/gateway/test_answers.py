"""Requests that are answered, through every endpoint and back, over real synthetic engines."""

from __future__ import annotations

import json

import pytest

from deployments.errors import EngineFailed, Overloaded
from tests.deployments.gateway.building import CODE, ask, client, engines, gateway
from tests.deployments.scripted import Scripted


def events(text: str) -> list[str]:
    assert text.endswith("\n\n")
    return [part.removeprefix("data: ") for part in text.removesuffix("\n\n").split("\n\n")]


@pytest.mark.parametrize(
    ("prompt", "path"),
    [("hi there", "auto>quick>distilled"), ("你好", "auto>quick>distilled"), (CODE, "auto>careful>dense")],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_graph_chooses_and_the_headers_tell(prompt: str, path: str, stream: bool) -> None:
    """A greeting and a piece of work left to the default take different pools, streamed or not."""
    async with engines() as transport, client(gateway(transport)) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask(prompt, stream=stream))
    assert answer.status_code == 200
    assert answer.headers["x-tercet-path"] == path
    assert answer.headers["x-tercet-model"] == path.rpartition(">")[2]
    assert answer.headers["x-tercet-replica"] == f"{answer.headers['x-tercet-model']}#0"
    assert float(answer.headers["x-tercet-engine-ttft-ms"]) >= 0
    assert float(answer.headers["x-tercet-framework-ttft-ms"]) >= 0


async def test_a_chat_is_one_json_body() -> None:
    """What is not streamed is one OpenAI object of the right length."""
    async with engines() as transport, client(gateway(transport)) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask(model="moe", max_tokens=5))
    body = answer.json()
    assert body["object"] == "chat.completion"
    assert body["model"] == "moe"
    assert body["usage"]["completion_tokens"] == 5
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_a_stream_is_server_sent_events_that_end_in_done() -> None:
    """Frames reach the client as they were rendered, and the engine's own end marker is last."""
    async with engines() as transport, client(gateway(transport)) as calls:
        whole = (await calls.post("/v1/chat/completions", json=ask(model="moe", max_tokens=8))).json()
        answer = await calls.post("/v1/chat/completions", json=ask(model="moe", max_tokens=8, stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events(answer.text)
    assert done == "[DONE]"
    deltas = [choice["delta"].get("content", "") for chunk in map(json.loads, chunks) for choice in chunk["choices"]]
    assert "".join(deltas) == whole["choices"][0]["message"]["content"]


@pytest.mark.parametrize("prompt", ["Once upon a time", [1, 2, 3]])
async def test_completions(prompt: object) -> None:
    """The completion endpoint takes text and token ids."""
    async with engines() as transport, client(gateway(transport)) as calls:
        answer = await calls.post("/v1/completions", json={"model": "dense", "prompt": prompt, "max_tokens": 3})
    assert answer.json()["object"] == "text_completion"


@pytest.mark.parametrize("model", [{}, {"model": None}, {"model": ""}, {"model": "auto"}])
async def test_a_model_left_out_is_the_default(model: dict[str, object]) -> None:
    """No name, an empty one and null all mean the configured entry."""
    async with engines() as transport, client(gateway(transport)) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask(**model))
    assert answer.headers["x-tercet-path"].startswith("auto>")


@pytest.mark.parametrize("stream", [False, True])
async def test_failed_attempts_stay_in_the_path(stream: bool) -> None:
    """Whoever was asked in vain is named with the reason; unprintable names are encoded."""
    pools = {"dense": [Overloaded("full")], "moe": [b"{}"]}
    async with client(gateway(Scripted(pools))) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask(model="careful", stream=stream))
    assert answer.headers["x-tercet-path"] == "careful>dense!pool_overloaded>moe"


async def test_headers_are_of_the_branch_that_answered() -> None:
    """An early head of a branch that then broke is not what the client is told."""
    pools = {"dense": [b"", EngineFailed("died")], "moe": [b"", b"{}"]}
    async with client(gateway(Scripted(pools))) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask(model="careful"))
    assert answer.headers["x-tercet-model"] == "moe"
    assert answer.headers["x-tercet-path"] == "careful>dense!engine_failed>moe"


async def test_node_names_in_any_script_fit_a_header() -> None:
    """A node may have a Chinese name; the header carries it percent-encoded."""
    graph = {"自动": {"fallback": ["dense"]}}
    async with client(gateway(Scripted({"dense": [b"{}"]}), graph=graph, default="自动")) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask())
    assert answer.headers["x-tercet-path"] == "%E8%87%AA%E5%8A%A8>dense"


@pytest.mark.parametrize("sent", ["abc-123", "x" * 128])
async def test_a_sane_request_id_is_echoed(sent: str) -> None:
    """The client's own id comes back and reaches the engine."""
    transport = Scripted({"dense": [b"{}"]})
    async with client(gateway(transport)) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask(model="dense"), headers={"x-request-id": sent})
    assert answer.headers["x-request-id"] == transport.seen[0][1].request_id == sent


@pytest.mark.parametrize("sent", ["", "x" * 129, "a b", "caf\xe9", None])
async def test_any_other_request_id_is_replaced(sent: str | None) -> None:
    """An id that does not fit headers and logs is not repeated; every response has one, errors too."""
    headers = {} if sent is None else {"x-request-id": sent.encode("latin-1")}
    async with client(gateway(Scripted({}))) as calls:
        answer = await calls.get("/nowhere", headers=headers)  # type: ignore[arg-type]
    assert len(answer.headers["x-request-id"]) == 32


async def test_what_the_graph_is_told_of_the_caller() -> None:
    """Headers go down in lower case and joined; secrets stay at the edge; the tenant is what the caller says."""
    transport = Scripted({"dense": [b"{}"]})
    headers = [("X-Tier", "gold"), ("X-Tier", "beta"), ("X-Tenant-Id", "acme"), ("Authorization", "Bearer s3cret")]
    async with client(gateway(transport)) as calls:
        await calls.post("/v1/chat/completions", json=ask(model="dense"), headers=headers)
    context = transport.seen[0][1]
    assert context.headers["x-tier"] == "gold, beta"
    assert context.tenant == "acme"
    assert "s3cret" not in str(context)


async def test_every_name_is_listed_with_its_kind() -> None:
    """Models and graph nodes are all names that a client may ask for."""
    async with client(gateway(Scripted({}))) as calls:
        listed = (await calls.get("/v1/models")).json()
        one = (await calls.get("/v1/models/careful")).json()
        missing = await calls.get("/v1/models/nobody")
    assert {model["id"]: model["kind"] for model in listed["data"]} == {
        "dense": "model", "moe": "model", "distilled": "model", "auto": "switch", "quick": "fallback",
        "careful": "fallback",
    }  # fmt: skip
    assert one in listed["data"]
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
