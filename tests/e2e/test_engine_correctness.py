"""Tensor parallelism on vLLM's CPU backend: two real ranks give the text that one reference model gives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from tests.deployments.engines.asking import chat, frames
from tests.e2e.reference import assert_float32_equal
from tests.e2e.tiny_llama import tiny_llama
from tests.e2e.trio import PROMPTS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(checkpoint: str) -> AsyncIterator[Engine]:
    arguments = {
        "tensor_parallel_size": 2,
        "dtype": "float32",
        "max_model_len": 512,
        "kv_cache_memory_bytes": 2**26,
    }
    spec = {"name": "tiny", "family": "dense", "source": checkpoint, "runtime": "vllm", "engine": arguments}
    built = await build_engine(spec, "tiny#1", lambda _: None)
    await built.start()
    yield built
    await built.stop()


async def test_two_ranks_answer_as_one_model(engine: Engine, checkpoint: str) -> None:
    """In float32 every greedy token is transformers', although each rank holds half of every layer."""
    names = [child.name() for child in psutil.Process().children(recursive=True)]
    assert len([name for name in names if "Worker_TP" in name]) == 2
    answers = await asyncio.gather(
        *(frames(engine, chat(prompt, max_tokens=16, ignore_eos=True, return_token_ids=True)) for prompt in PROMPTS)
    )
    tokens = [json.loads(answered[-1].data)["choices"][0]["token_ids"] for answered in answers]
    assert [len(answer) for answer in tokens] == [16] * len(PROMPTS)
    assert_float32_equal(checkpoint, PROMPTS, tokens)
