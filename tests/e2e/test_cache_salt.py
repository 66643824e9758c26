"""Tenants of one vLLM engine: they find their own prompts in its cache and no others, and take turns in its queue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
import pytest_asyncio

from deployments.engines.base import Engine
from deployments.engines.cache_salt import CacheSalts
from deployments.engines.launch import build_engine
from deployments.engines.watch import WATCH, Watch
from deployments.request import Request, Resume
from deployments.standing import ALONE, Standing
from tests.deployments.engines.asking import ask, chat, completion, context
from tests.e2e.tiny_llama import tiny_llama

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

ACME, BETA = Standing(account="acme", prefixes="tenant acme"), Standing(account="beta", prefixes="tenant beta")
_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    checkpoint = tiny_llama(tmp_path_factory.mktemp("tiny"))
    arguments = {
        "max_model_len": 1024,
        "kv_cache_memory_bytes": 2**26,
        "block_size": 32,
        "enable_prompt_tokens_details": True,
        "scheduling_policy": "priority",
        "max_num_seqs": 1,
    }
    spec = {"name": "tiny", "family": "dense", "source": checkpoint, "runtime": "vllm", "engine": arguments}
    built = await build_engine(spec, "tiny#1", lambda _: None)
    await built.start()
    yield built
    await built.stop()


async def cached(engine: Engine, standing: Standing, request: Request) -> int:
    """Return how many prompt tokens of *request* the prefix cache had, by the engine's own count."""
    before = engine.signals().prefix_hits_total
    told = replace(context(), standing=standing)
    async for _ in engine.generate(request, told):
        pass
    return engine.signals().prefix_hits_total - before


def text() -> str:
    """Return a prompt that has not been sent yet; this tokenizer makes a token of each letter."""
    return f"{next(_numbers):03d} " + "the minutes of the board " * 20


def messages(said: str, **more: Any) -> Request:
    return ask("messages", messages=[{"role": "user", "content": said}], max_tokens=4, **more)


def responses(said: str, **more: Any) -> Request:
    return ask("responses", input=said, max_output_tokens=4, store=False, **more)


def several(said: str, **more: Any) -> Request:
    return chat(said, n=3, **{"temperature": 1.0, "max_tokens": 4, **more})


def going_on(said: str, **more: Any) -> Request:
    request = completion(said, stream=True, **{"max_tokens": 12, **more})
    return replace(request, resume=Resume(model="tiny", text="", ids=(65, 66, 67)))


@pytest.mark.parametrize("make", [chat, completion, messages, responses, several, going_on])
async def test_a_prompt_is_found_by_its_own_tenant_alone(engine: Engine, make: Any) -> None:
    """Whichever endpoint prefills it, and also where an answer is gone on with."""
    said = text()
    # All choices of one request have one prompt, and may find it.
    own = await cached(engine, ACME, make(said))
    assert await cached(engine, BETA, make(said)) == own
    assert await cached(engine, ALONE, make(said)) == own
    assert await cached(engine, ACME, make(said)) >= own + 400


@pytest.mark.parametrize("make", [chat, completion])
async def test_usage_reports_what_the_tenant_itself_had_sent(engine: Engine, make: Any) -> None:
    """The same figures are in every client's answer."""
    said = text()

    async def reported(standing: Standing) -> int:
        told = replace(context(), standing=standing)
        answered = [frame async for frame in engine.generate(make(said), told)]
        usage = json.loads(answered[-1].data)["usage"]
        return (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0

    assert [await reported(one) for one in (ACME, BETA)] == [0, 0]
    assert await reported(ACME) >= 400


async def test_a_client_s_salt_divides_its_tenant_and_opens_no_other(engine: Engine) -> None:
    """A salt that is spelt as another tenant's name finds nothing of it."""
    said = text()
    assert await cached(engine, ACME, chat(said)) == 0
    assert await cached(engine, BETA, chat(said, cache_salt="tenant acme")) == 0
    assert await cached(engine, ACME, chat(said, cache_salt="own")) == 0
    assert await cached(engine, ACME, chat(said, cache_salt="own")) >= 400
    assert await cached(engine, ALONE, chat(said, cache_salt="own")) == 0


async def test_without_tenants_everybody_shares(engine: Engine) -> None:
    """As in a deployment that knows none."""
    said = text()
    assert await cached(engine, ALONE, chat(said)) == 0
    assert await cached(engine, ALONE, chat(said)) >= 400


async def test_tenants_take_turns_by_weight_whatever_they_say_of_themselves(engine: Engine) -> None:
    """One has sent eight requests before the other comes, each with a priority that no other could beat."""
    ended: list[str] = []
    crowd, heavy = Standing(account="crowd", prefixes="c"), Standing(account="heavy", prefixes="h", weight=2.0)

    async def one(name: str, standing: Standing, **more: Any) -> None:
        request = completion(f"{name} says something", max_tokens=16, ignore_eos=True, **more)
        async for _ in engine.generate(request, replace(context(), standing=standing)):
            pass
        ended.append(name)

    crowding = [asyncio.create_task(one(f"c{number}", crowd, priority=-(10**9))) for number in range(8)]
    await asyncio.sleep(0.02)
    await asyncio.gather(*(one(f"h{number}", heavy) for number in range(4)), *crowding)
    # What is inside stays, and of those that wait two of the heavier go for one of the crowd.
    assert len([name for name in ended[:8] if name[0] == "h"]) == 4


async def test_pictures_are_named_by_their_tenant_too() -> None:
    """What an encoder made of one is found by those of the same prefixes, whichever adapter."""
    from deployments.engines.vllm_inputs import ApartInputs  # noqa: PLC0415 - collecting must not import vllm

    inputs = ApartInputs.__new__(ApartInputs)
    inputs.lora_config, inputs._salts = None, CacheSalts()
    named = []
    for standing in (ALONE, ACME, ACME, BETA):
        WATCH.set(Watch(standing=standing))
        named.append(inputs._get_mm_identifier("picture", None))
    assert named[0] == "picture"
    assert named[1] == named[2]
    assert len(set(named)) == 3
    assert all(name.endswith(":picture") for name in named[1:])
