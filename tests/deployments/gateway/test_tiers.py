"""Tiers: the same prompt goes to a full or a lean model by what the client asks for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deployments.gateway.building import ask, client, engines, gateway

GRAPH: dict[str, Any] = {
    "front": {
        "switch": [
            {"when": {"tier": "economy"}, "to": "distilled"},
            {"when": {"tier": "premium"}, "to": "dense"},
            {"to": "moe"},
        ]
    }
}


@pytest.mark.parametrize(
    ("headers", "fields", "model"),
    [
        ({}, {}, "moe"),
        ({"X-Tercet-Tier": "economy"}, {}, "distilled"),
        ({"X-Tercet-Tier": "premium"}, {"service_tier": "flex"}, "dense"),
        ({}, {"service_tier": "priority"}, "dense"),
    ],
)
async def test_a_tier_chooses_the_model(headers: dict[str, str], fields: dict[str, Any], model: str) -> None:
    """By the header or the field that OpenAI's clients have for it."""
    async with engines() as transport, client(gateway(transport, graph=GRAPH, default="front")) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask(**fields), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["x-tercet-model"] == model


async def test_a_tier_that_there_is_not_is_refused() -> None:
    """With the header's name and the tiers that there are."""
    async with engines() as transport, client(gateway(transport, graph=GRAPH, default="front")) as calls:
        answer = await calls.post("/v1/chat/completions", json=ask(), headers={"x-tercet-tier": "gold"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == "x-tercet-tier"
    assert "'gold' is none of economy, standard, premium" in error["message"]
