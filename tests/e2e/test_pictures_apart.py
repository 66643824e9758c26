"""Pictures of tenants of one vLLM engine: whatever they call them, each is answered about its own.

Requests come as no gateway would let them through, which refuses names of media: what is tried here is the second line.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from deployments.engines.base import Engine
from deployments.engines.checkpoints.store import cache_directory, ensure
from deployments.engines.launch import build_engine
from deployments.errors import ServingError
from deployments.request import Request
from deployments.standing import Standing
from tests.deployments.engines.asking import ask, context
from tests.e2e.pictures import as_data, png
from tests.e2e.vision_checkpoint import tiny_idefics

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

ACME, BETA = Standing(account="acme", prefixes="tenant acme"), Standing(account="beta", prefixes="tenant beta")
RED, BLUE = as_data(png("red")), as_data(png("blue"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    dense = ensure("demo/dense", cache_directory(), lambda _: None)
    spec = {
        "name": "vision",
        "family": "dense",
        "source": tiny_idefics(tmp_path_factory.mktemp("vision"), dense),
        "runtime": "vllm",
        "media": {"images": 2},
        "engine": {"kv_cache_memory_bytes": 2**26},
    }
    built = await build_engine(spec, "vision#1", lambda _: None)
    await built.start()
    yield built
    await built.stop()


def shown(url: str | None, **part: Any) -> Request:
    """Return a request about the picture at *url*."""
    picture = {"type": "image_url", "image_url": None if url is None else {"url": url}, **part}
    content = [{"type": "text", "text": "What is this?"}, picture]
    return ask("chat", messages=[{"role": "user", "content": content}], max_tokens=8, temperature=0)


async def said(engine: Engine, standing: Standing, request: Request) -> str:
    told = replace(context(), standing=standing)
    frames = [frame async for frame in engine.generate(request, told)]
    return str(json.loads(frames[-1].data)["choices"][0]["message"]["content"])


async def test_a_name_alone_shows_nobody_s_picture(engine: Engine) -> None:
    """Neither another tenant's nor, since nothing is kept, one's own."""
    red = await said(engine, ACME, shown(RED, uuid="invoice-17"))
    assert red == await said(engine, ACME, shown(RED))
    for standing in (BETA, ACME):
        with pytest.raises(ServingError):
            await said(engine, standing, shown(None, uuid="invoice-17"))
    assert await said(engine, ACME, shown(RED)) == red


async def test_a_name_that_another_gave_first_changes_no_answer(engine: Engine) -> None:
    """Of the encoder's memory and of the prefix cache each tenant finds its own."""
    red, blue = await said(engine, ACME, shown(RED)), await said(engine, ACME, shown(BLUE))
    assert red != blue
    assert await said(engine, BETA, shown(BLUE, uuid="logo")) == blue
    assert await said(engine, ACME, shown(RED, uuid="logo")) == red
    assert await said(engine, BETA, shown(BLUE, uuid="logo")) == blue
