"""Budgets through the whole gateway: every branch is charged to its request, and no budget is ever exceeded."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import EngineFailed, ServingError
from deployments.gateway.exchange import Exchange
from deployments.request import Context, Frame, Request
from deployments.tenancy.accounting.estimate import estimate
from deployments.tenancy.accounting.meter import AHEAD, ON_THE_WAY
from tests.deployments.gateway.accounts import account, caller, guarded, key_of
from tests.deployments.gateway.building import EngineTransport, ask, client, engines, gateway, listening, until

CHAT = "/v1/chat/completions"
ACCOUNT = "tenant acme|tokens|ever"
GRAPH: dict[str, Any] = {
    "cascaded": {"cascade": [{"to": "distilled", "accept": {"min_tokens": 1000}}, {"to": "moe"}]},
    "raced": {"hedge": ["dense", "moe"], "after": 0},
    "retried": {"fallback": ["broken", "moe"], "retry_budget": {"share": 1, "burst": 1000}, "breaker": False},
    "broken": {"fallback": ["dense"], "breaker": False},
    "mirrored": {"shadow": "distilled", "to": "moe", "share": 1},
    "shared": {"coalesce": "dense"},
    "kept": {"cache": "dense"},
    "several": {"ensemble": ["dense", "moe", "distilled"], "choose": "vote"},
}
PACED = SyntheticSpec.model_validate(
    {"step": {"base_ms": 2, "per_sequence_us": 0, "per_prefill_token_us": 0}, "slots": 64, "output_tokens": 12}
)


class Counted:
    """Hands over what engines answer, and counts it: what is to be charged, and what is not.

    Of every call of ``dense`` that came through ``broken`` some break, before the first frame or in the middle.
    """

    def __init__(self, inner: EngineTransport) -> None:
        self._inner, self._rng = inner, random.Random(7)
        self.engines = inner.engines
        self.charged = self.free = self.broke = 0
        self.calls: Counter[str] = Counter()

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Stream from the pool's engine."""
        breaks_after = self._rng.choice([0, 3, -1]) if "broken" in context.path else -1
        prompt, completion, seen = estimate(request).prompt, 0, 0
        self.calls[pool] += 1
        try:
            async with aclosing(self._inner.stream(pool, request, context)) as frames:
                async for frame in frames:
                    if seen == breaks_after:
                        raise EngineFailed("broken by the test")
                    seen += 1
                    prompt = frame.prompt_tokens or prompt
                    completion += frame.tokens
                    yield frame
        except ServingError:
            if not seen:
                # Whose engine breaks before it says anything pays nothing, however much that had done.
                self.broke += prompt + ON_THE_WAY
                prompt = 0
            raise
        finally:
            if context.charged:
                self.charged += prompt + completion
            else:
                self.free += prompt + completion


def tenants(tokens: int, **limits: Any) -> dict[str, Any]:
    return {"acme": {"limits": {"budgets": [{"tokens": tokens, "per": "ever"}], **limits}}, "other": {}}


async def sent(calls: httpx.AsyncClient, headers: dict[str, str], draw: random.Random) -> str:
    """Ask one of the nodes for something, and read it all, or leave at once, or in the middle."""
    node = draw.choice(["dense", "cascaded", "raced", "retried", "mirrored", "several"])
    body = ask(f"request {draw.random()}", model=node, max_tokens=draw.choice([4, 12]), stream=draw.random() < 0.6)
    leaves_after = draw.choice([0, 1, 99, 99])
    try:
        async with (
            asyncio.timeout(None if leaves_after else draw.random() / 30),
            calls.stream("POST", CHAT, json=body, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                return str((await _json(answer))["error"]["code"])
            lines = 0
            async for line in answer.aiter_lines():
                lines += bool(line)
                if "budget_exhausted" in line:
                    return "cut short"
                if lines > leaves_after:
                    return "left"
    except TimeoutError:
        return "left"
    return "ok"


async def _json(answer: httpx.Response) -> Any:
    await answer.aread()
    return answer.json()


@pytest.mark.parametrize("budget", [2_000, 1_000_000])
async def test_what_is_charged_is_what_was_generated(store: dict[str, Any], budget: int) -> None:
    """By cascades, races, retries and mirrors, read to the end or not; never more than the budget."""
    draw, outcomes = random.Random(1), Counter[str]()
    async with engines(dense=PACED, moe=PACED, distilled=PACED) as inner:
        transport = Counted(inner)
        async with (
            guarded(transport, store, tenants=tenants(budget), graph=GRAPH, default="dense") as served,
            listening(served) as calls,
        ):
            headers = {"authorization": f"Bearer {await key_of(served)}"}

            async def some() -> None:
                for _ in range(10):
                    outcomes[await sent(calls, headers, draw)] += 1

            await asyncio.gather(*(some() for _ in range(24)))
            await until(lambda: not any(engine._streams for engine in inner.engines.values()))
            kept = await account(served, ACCOUNT)
            assert not len(served._background)
        made = sum(engine.signals().generated_tokens_total for engine in inner.engines.values())
        read = sum(engine.signals().prompt_tokens_total for engine in inner.engines.values())
    assert (kept.reserved, kept.overrun) == (0, 0)
    assert transport.charged <= kept.settled <= budget
    assert made + read - transport.free - transport.broke <= kept.settled
    assert outcomes["ok"] > 5
    assert outcomes["left"] > 5
    if budget == 2_000:
        assert outcomes["budget_exhausted"] > 5
        assert kept.settled > budget / 2
        assert transport.charged <= budget
    else:
        assert set(outcomes) <= {"ok", "left", "engine_failed"}
        assert transport.free > 0


async def test_nobody_pays_for_an_answer_that_is_given_again(file_store: dict[str, Any]) -> None:
    """Out of the cache, and a generation that is shared is paid for once."""
    async with engines(dense=PACED) as inner:
        transport = Counted(inner)
        async with guarded(transport, file_store, tenants=tenants(10_000), graph=GRAPH, default="dense") as served:
            async with await caller(served) as calls:
                body = ask("the same", model="kept", temperature=0, max_tokens=8)
                assert {(await calls.post(CHAT, json=body)).status_code for _ in range(4)} == {200}
                body = ask("at once", model="shared", temperature=0, max_tokens=8)
                told = await asyncio.gather(*(calls.post(CHAT, json=body) for _ in range(6)))
            kept = await account(served, ACCOUNT)
    assert {one.status_code for one in told} == {200}
    assert transport.calls == {"dense": 2}
    assert (kept.settled, kept.reserved) == (transport.charged, 0)


async def test_who_leaves_a_shared_generation_still_pays_for_it(file_store: dict[str, Any]) -> None:
    """For all of it: the others go on listening, and none of it is for nothing."""
    slow = SyntheticSpec.model_validate({**PACED.model_dump(), "step": {"base_ms": 30}})
    async with engines(dense=slow) as inner:
        transport = Counted(inner)
        async with (
            guarded(transport, file_store, tenants=tenants(10_000), graph=GRAPH, default="dense") as served,
            listening(served) as calls,
        ):
            headers = {"authorization": f"Bearer {await key_of(served)}"}
            body = ask("shared", model="shared", temperature=0, max_tokens=12, stream=True)

            asking = calls.build_request("POST", CHAT, json=body, headers=headers)
            leader = await calls.send(asking, stream=True)
            async with calls.stream("POST", CHAT, json=body, headers=headers) as follower:
                await leader.aclose()
                text = (await follower.aread()).decode()
            kept = await account(served, ACCOUNT)
    assert text.endswith("data: [DONE]\n\n")
    assert transport.calls["dense"] == 1
    assert (kept.settled, kept.reserved) == (transport.charged, 0)
    assert transport.charged > 12


async def test_tenants_do_not_share(file_store: dict[str, Any]) -> None:
    """Neither a generation under way nor an answer that is kept."""
    async with engines(dense=PACED) as inner:
        transport = Counted(inner)
        async with (
            guarded(transport, file_store, graph=GRAPH, default="dense") as served,
            await caller(served) as ours,
            await caller(served, "other") as theirs,
        ):
            for node in ("shared", "kept"):
                body = ask("a secret", model=node, temperature=0, max_tokens=8)
                pair = await asyncio.gather(*(calls.post(CHAT, json=body) for calls in (ours, theirs)))
                assert {one.status_code for one in pair} == {200}
                assert not any("coalesced" in name for one in pair for name in one.headers)
                again = await theirs.post(CHAT, json=ask("a secret", model=node, temperature=0, max_tokens=8))
                assert again.status_code == 200
    assert transport.calls["dense"] == 5


async def test_an_answer_ends_where_the_budget_does(store: dict[str, Any]) -> None:
    """What its client set no limit for is held as it grows; the end of the budget is the end of the answer."""
    long = SyntheticSpec.model_validate({**PACED.model_dump(), "output_tokens": 3000, "max_model_len": 8192})
    async with engines(dense=long) as inner:
        transport = Counted(inner)
        async with guarded(transport, store, tenants=tenants(1000), graph={}, default="dense") as served:
            async with await caller(served) as calls:
                answer = await calls.post(CHAT, json=ask("on and on", stream=True))
            kept = await account(served, ACCOUNT)
        told = inner.engines["dense"].signals()
    assert answer.status_code == 200
    assert "budget_exhausted" in answer.text
    assert "[DONE]" not in answer.text
    # Tokens that come together are paid for together, or not at all.
    assert 1000 - AHEAD <= kept.settled <= 1000
    assert (kept.reserved, kept.overrun) == (0, 0)
    assert transport.charged <= told.prompt_tokens_total + told.generated_tokens_total <= kept.settled


async def test_a_whole_answer_ends_where_the_budget_does(store: dict[str, Any]) -> None:
    """However many are made at once: none is read to its end, and none is made on for nothing."""
    long = SyntheticSpec.model_validate({**PACED.model_dump(), "output_tokens": 3000, "max_model_len": 8192})
    async with engines(dense=long) as inner:
        transport = Counted(inner)
        async with guarded(transport, store, tenants=tenants(2500), graph={}, default="dense") as served:
            async with await caller(served) as calls:
                told = await asyncio.gather(*(calls.post(CHAT, json=ask("on and on")) for _ in range(6)))
            kept = await account(served, ACCOUNT)
        made = inner.engines["dense"].signals()
    assert {one.status_code for one in told} == {429}
    assert (kept.reserved, kept.overrun) == (0, 0)
    assert 2500 >= kept.settled >= transport.charged > 1250
    assert made.prompt_tokens_total + made.generated_tokens_total <= kept.settled


async def test_who_leaves_before_the_first_token_pays_for_the_prompt(
    file_store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine was reading it; and whatever breaks when a request has ended, nothing of its hold is left."""

    def broken(*_: object) -> None:
        raise RuntimeError("the exporter is gone")

    monkeypatch.setattr(Exchange, "finish", broken)
    slow = SyntheticSpec.model_validate({**PACED.model_dump(), "step": {"base_ms": 2000}})
    async with engines(dense=slow) as inner:
        transport = Counted(inner)
        async with (
            guarded(transport, file_store, tenants=tenants(10_000), graph={}, default="dense") as served,
            listening(served) as calls,
        ):
            headers = {"authorization": f"Bearer {await key_of(served)}"}
            body = ask("word " * 300, max_tokens=4)
            with pytest.raises(httpx.ReadTimeout):
                await calls.post(CHAT, json=body, headers=headers, timeout=0.5)
            await until(lambda: transport.charged > 0)
            kept = await account(served, ACCOUNT)
    # The four tokens that it may have had may have been made.
    assert (kept.settled, kept.reserved) == (transport.charged + 4, 0)
    assert kept.settled > 300


async def test_without_access_nothing_is_charged() -> None:
    """And requests carry nothing that could be."""
    seen: list[Context] = []

    class Looking(EngineTransport):
        async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
            seen.append(context)
            async with aclosing(super().stream(pool, request, context)) as frames:
                async for frame in frames:
                    yield frame

    async with engines() as inner:
        served = gateway(Looking(inner.engines))
        async with client(served) as calls:
            assert (await calls.post(CHAT, json=ask(max_tokens=2))).status_code == 200
        await served.close()
    assert [context.account for context in seen] == [None]
    assert served.live.door is None
