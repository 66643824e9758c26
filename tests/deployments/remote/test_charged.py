"""Budgets of those who ask models of other servers, which tell nothing of a whole answer before its end."""

from __future__ import annotations

import asyncio
import json
import string
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.gateway import Gateway
from deployments.gateway.tariffs import tariffs
from deployments.request import Request
from deployments.tenancy.accounting.estimate import WHOLE_TOKENS, estimate
from deployments.tenancy.accounting.prompt_bound import prompt_bound
from tests.deployments.gateway.accounts import account, caller, guarded, key_of
from tests.deployments.gateway.building import EngineTransport, ask, engines, gateway, listening, settings, until
from tests.deployments.gateway.conftest import file_store
from tests.deployments.remote.far import answer, answered, far, remote, says, says_slowly
from tests.deployments.remote.test_edge_to_cloud import edge
from tests.deployments.scripted import chat

__all__ = ["file_store"]

CHAT = "/v1/chat/completions"
ACCOUNT = "tenant acme|tokens|ever"
AT_ONCE = {"base_ms": 0, "per_sequence_us": 0, "per_prefill_token_us": 0}
LONG = SyntheticSpec.model_validate({"step": AT_ONCE, "output_tokens": 5000, "max_model_len": 16_384})
SAID = {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}


@dataclass(slots=True)
class Cloud:
    """A gateway before another server, and that server's engines."""

    here: Gateway
    there: EngineTransport


@asynccontextmanager
async def clouded(store: dict[str, Any], budget: int) -> AsyncIterator[Cloud]:
    tenants = {"acme": {"limits": {"budgets": [{"tokens": budget, "per": "ever"}]}}, "other": {}}
    async with engines(dense=LONG) as there, listening(gateway(there)) as calls, engines() as here:
        changed = edge(f"{str(calls.base_url).rstrip('/')}/v1")
        async with guarded(here, store, tenants=tenants, default="cloud", **changed) as served:
            yield Cloud(served, there)


async def test_a_crowd_of_whole_answers_without_a_limit_stays_within_its_budget(file_store: dict[str, Any]) -> None:
    """By the other server's own count: what nothing bounds is asked for with a bound, which is held."""
    budget = 3 * WHOLE_TOKENS + 2000
    async with clouded(file_store, budget) as both:
        async with await caller(both.here) as calls:
            told = await asyncio.gather(*(calls.post(CHAT, json=ask("on and on")) for _ in range(8)))
        kept = await account(both.here, ACCOUNT)
        signals = both.there.engines["dense"].signals()
    written = [one.json()["usage"]["completion_tokens"] for one in told if one.status_code == 200]
    assert 1 <= len(written) <= 3
    assert set(written) == {WHOLE_TOKENS}
    assert {one.status_code for one in told} == {200, 429}
    assert (kept.settled, kept.reserved, kept.overrun) == (
        signals.prompt_tokens_total + signals.generated_tokens_total, 0, 0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tenant", "stream", "bounded"), [("acme", False, True), ("acme", True, False), ("other", False, False)]
)
async def test_only_what_a_budget_cannot_follow_is_bounded(
    file_store: dict[str, Any], tenant: str, *, stream: bool, bounded: bool
) -> None:
    """A stream tells of each token, and whoever has no budget has no end."""
    async with clouded(file_store, 100_000) as both, await caller(both.here, tenant) as calls:
        answered = await calls.post(CHAT, json=ask("on and on", stream=stream))
        assert answered.status_code == 200
        made = both.there.engines["dense"].signals().generated_tokens_total
    assert made == (WHOLE_TOKENS if bounded else LONG.output_tokens)


async def charged(store: dict[str, Any], play: Any, *, leaves: bool) -> int:
    """Return what a whole answer of at most 700 tokens is charged beside its prompt."""
    tenants = {"acme": {"limits": {"budgets": [{"tokens": 10_000, "per": "ever"}]}}}
    async with (
        far(play) as there,
        engines() as own,
        guarded(own, store, tenants=tenants, default="cloud", **edge(there.url)) as served,
    ):
        headers = {"authorization": f"Bearer {await key_of(served)}"}
        async with listening(served) as calls:
            sent = calls.post(CHAT, json=ask("hi", max_tokens=700), headers=headers, timeout=0.5 if leaves else 20)
            if leaves:
                with pytest.raises(httpx.ReadTimeout):
                    await sent
                await until(lambda: bool(there.closed))
            else:
                assert (await sent).status_code == 200
        kept = await account(served, ACCOUNT)
    assert kept.reserved == 0
    return kept.settled


async def test_who_leaves_pays_for_what_may_have_been_made(file_store: dict[str, Any]) -> None:
    """The other server says nothing of it, and its owner charges for it."""
    assert await charged(file_store, says_slowly(30.0), leaves=True) >= 700


@pytest.mark.parametrize(("usage", "most"), [({"prompt_tokens": 3, "completion_tokens": 4}, 7), (None, 750)])
async def test_an_answer_without_its_usage_is_charged_as_held(
    file_store: dict[str, Any], usage: dict[str, int] | None, most: int
) -> None:
    """One with it as it says."""
    body = SAID if usage is None else SAID | {"usage": usage}
    play = says(answer("200 OK", json.dumps(body).encode()))
    settled = await charged(file_store, play, leaves=False)
    assert settled == 7 if usage else 700 < settled <= most


async def test_what_is_masked_before_it_leaves_is_held_with_its_placeholders() -> None:
    """They are longer than what they stand for, and it is them that the other server reads."""
    names = string.ascii_lowercase + string.digits
    asked = chat(" ".join(f"{name}@{host}.co" for host in names for name in names))
    async with far(says(answer("200 OK", json.dumps(SAID).encode()))) as there:
        model = remote(there.url, redact={"action": "mask"})
        await answered(model, asked)
        await model.close()
        sent = there.asked[0].body
    assert "@" not in json.dumps(sent)
    read = prompt_bound(Request(endpoint="chat", model="", body=sent))
    masked = tariffs(settings(**edge("https://cloud.example.com/v1", redact={})))["cloud"]
    assert read > estimate(asked).prompt_most
    assert read <= estimate(asked).rewritten(masked.rewritten).prompt_most
