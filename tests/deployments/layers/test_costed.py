"""costed: usage tells its cost to those who ask, on every surface, and nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployments.engines.synthetic_spec import SyntheticSpec
from tests.deployments.gateway.building import ask, client, engines, gateway
from tests.exposition import exposition

TIMED = SyntheticSpec.model_validate({"step": {"base_ms": 2, "per_sequence_us": 100, "per_prefill_token_us": 10}})
PRICE = {"input_per_million": 1e6, "output_per_million": 2e6, "currency": "eur"}
MODELS: dict[str, Any] = {
    "dense": {"family": "dense", "cpus": 2.0, "cost_per_hour": 3600.0},
    "moe": {"family": "moe", "cpus": 2.0, "price": PRICE},
    "distilled": {"family": "distilled", "gpus": 1.0, "cpus": 4.0},
}
ASKING = {"x-tercet-cost": "usage"}
SURFACES: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", ask(max_tokens=5, ignore_eos=True)),
    ("/v1/completions", {"prompt": "hi there", "max_tokens": 5, "ignore_eos": True}),
    ("/v1/messages", ask(max_tokens=5)),
    ("/v1/responses", {"input": "hi there", "max_output_tokens": 16}),
]


def usages(text: str) -> list[dict[str, Any]]:
    """Return every usage that the events tell, in order."""
    found = []
    for line in text.splitlines():
        if line.startswith("data: {"):
            said = json.loads(line.removeprefix("data: "))
            told = said.get("usage") or (said.get("response") or {}).get("usage")
            found += [told] if told else []
    return found


@pytest.mark.parametrize(("path", "body"), SURFACES)
@pytest.mark.parametrize("stream", [False, True])
async def test_usage_tells_the_cost_on_request(path: str, body: dict[str, Any], stream: bool) -> None:
    """As shares of the engine's time in seconds of its devices, and as money; a stream's client need not ask twice."""
    async with engines(dense=TIMED) as transport, client(gateway(transport, models=MODELS)) as calls:
        asked = {**body, "model": "dense", "stream": stream}
        answer = await calls.post(path, json=asked, headers=ASKING)
        assert answer.status_code == 200, answer.text
        cost = usages(answer.text)[-1]["cost"] if stream else answer.json()["usage"]["cost"]
        plain = await calls.post(path, json=asked)
    assert cost["cpu_seconds"] > 0.02
    assert cost["gpu_seconds"] == 0
    assert cost["amounts"] == {"usd": pytest.approx(cost["cpu_seconds"] / 2, rel=1e-6)}
    assert "cost" not in plain.text
    assert not stream or usages(plain.text) == [] or path in {"/v1/messages", "/v1/responses"}


async def test_the_body_may_ask_as_well() -> None:
    """By the field that other gateways have for it, which goes no further."""
    async with engines(dense=TIMED) as transport, client(gateway(transport, models=MODELS)) as calls:
        body = {**ask(max_tokens=5), "model": "dense", "usage": {"include": True}}
        told = (await calls.post("/v1/chat/completions", json=body)).json()["usage"]["cost"]
        silent = await calls.post("/v1/chat/completions", json={**body, "usage": {"include": False}})
    assert told["cpu_seconds"] > 0
    assert "cost" not in silent.json()["usage"]


async def test_tokens_with_a_price_cost_that() -> None:
    """The seconds are told beside it; headers say it of whole answers, without being asked."""
    async with engines(moe=TIMED) as transport, client(gateway(transport, models=MODELS)) as calls:
        body = {**ask(max_tokens=5, ignore_eos=True), "model": "moe"}
        answer = await calls.post("/v1/chat/completions", json=body, headers=ASKING)
    usage = answer.json()["usage"]
    amount = usage["prompt_tokens"] + 2 * usage["completion_tokens"]
    assert usage["cost"]["amounts"] == {"eur": amount}
    assert float(answer.headers["x-tercet-cost-eur"]) == amount
    assert float(answer.headers["x-tercet-cpu-seconds"]) == pytest.approx(usage["cost"]["cpu_seconds"], abs=1e-6)


async def test_seconds_of_gpus_are_told_to_be_unverified() -> None:
    """They are made as those of CPUs are."""
    async with engines(distilled=TIMED) as transport, client(gateway(transport, models=MODELS)) as calls:
        body = {**ask(max_tokens=5), "model": "distilled"}
        cost = (await calls.post("/v1/chat/completions", json=body, headers=ASKING)).json()["usage"]["cost"]
    assert cost["unverified"] == ["gpu_seconds"]
    assert cost["cpu_seconds"] == pytest.approx(4 * cost["gpu_seconds"], abs=1e-8)


async def test_all_that_an_answer_took_is_told() -> None:
    """An ensemble's other answers cost as well as the one that is given."""
    graph = {"both": {"ensemble": ["dense", "moe"], "choose": "vote"}}
    served = {"models": MODELS, "graph": graph, "default": "both"}
    async with engines(dense=TIMED, moe=TIMED) as transport, client(gateway(transport, **served)) as calls:
        body = {**ask(max_tokens=5, ignore_eos=True), "model": "both"}
        cost = (await calls.post("/v1/chat/completions", json=body, headers=ASKING)).json()["usage"]["cost"]
    assert set(cost["amounts"]) == {"usd", "eur"}


async def test_tenants_beyond_the_first_are_counted_together() -> None:
    """Whoever may name any tenant cannot make series without end."""
    async with engines(dense=TIMED) as transport:
        served = gateway(transport, models=MODELS)
        async with client(served) as calls:
            for at in range(70):
                body = {**ask(max_tokens=1), "model": "dense"}
                await calls.post("/v1/chat/completions", json=body, headers={"x-tenant-id": f"t{at}"})
        lines = [
            line for line in exposition(served.metrics).decode().splitlines()
            if line.startswith("tercet_cost_device_seconds_total{")
        ]  # fmt: skip
    assert len(lines) == 65
    assert any('tenant="(others)"' in line for line in lines)
