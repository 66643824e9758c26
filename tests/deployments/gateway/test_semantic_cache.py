"""A semantic cache through the whole gateway: what the client is told, what is charged, what the audit trail has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.audit.lines import Answered
from deployments.gateway.gateway import Gateway
from tests.deployments.audit.keeping import records
from tests.deployments.gateway.accounts import access, account, caller
from tests.deployments.gateway.building import POOLING, ask, engines, fleet, settings, with_pooling

CHAT = "/v1/chat/completions"
ACCOUNT = "tenant acme|tokens|ever"
KNOWN = {"cache": "dense", "semantic": {"model": POOLING, "at_least": 0.99, "wait": "5s"}}


async def asked(calls: httpx.AsyncClient, text: str, stream: bool) -> httpx.Response:
    answer = await calls.post(CHAT, json=ask(text, model="known", max_tokens=20, temperature=0, stream=stream))
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("stream", [False, True])
async def test_nearly_the_same_question_costs_its_vector(
    file_store: dict[str, Any], tmp_path: Path, stream: bool
) -> None:
    """Its own tenant gets the answer again, and nobody else does; a header and the audit trail say so."""
    budget = {"limits": {"budgets": [{"tokens": 10_000, "per": "ever"}]}}
    given = settings(**with_pooling(
        graph={"known": KNOWN}, default="dense", audit=True, access=access(file_store),
        tenants={"acme": budget, "other": {}},
    ))  # fmt: skip
    async with engines() as transport:
        served = Gateway(given, transport, name="g1", fleet=lambda: fleet(embed=1), audit=tmp_path / "audit")
        try:
            async with await caller(served) as calls, await caller(served, "other") as others:
                first = await asked(calls, "How do I bake  bread?", stream)
                used = [(await account(served, ACCOUNT)).settled]
                again = await asked(calls, "How do I bake bread?", stream)
                used.append((await account(served, ACCOUNT)).settled)
                elsewhere = await asked(others, "How do I bake bread?", stream)
        finally:
            await served.close()
    answers = [first, again, elsewhere]
    assert [one.headers["x-tercet-cache"] for one in answers] == ["miss", "semantic", "miss"]
    assert again.headers["x-tercet-cache-nearness"] == "1.000"
    assert again.headers["x-tercet-path"] == "known>dense"
    if not stream:
        assert again.json()["choices"] == first.json()["choices"]
        assert again.json()["id"] != first.json()["id"]
    assert 0 < used[1] - used[0] < 20 < used[0]
    kept = [line.record for line in records(tmp_path / "audit") if isinstance(line.record, Answered)]
    assert [one.notes.get("cache") for one in kept] == ["miss", "semantic", "miss"]
    assert kept[1].path == ("known", "dense")
