"""What every engine owes with LoRA adapters: one suite, run on the synthetic engine and on vLLM with a tiny model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from deployments.errors import Invalid, UnknownModel
from deployments.request import Frame, Request
from tests.contracts.test_engine import until
from tests.deployments.engines.asking import chat, frames
from tests.e2e.reference import FEWEST_PROMPTS, assert_float32_equal
from tests.e2e.tiny_llama import tiny_llama
from tests.e2e.tiny_lora import merged, tiny_lora

ENGINES = ["synthetic", pytest.param("vllm", marks=[pytest.mark.e2e, pytest.mark.timeout(600)])]
PROMPTS = [f"Tell me about number {n}." for n in range(FEWEST_PROMPTS)]
# Two adapters in a batch at most, so that three take turns in the engine's memory.
ARGUMENTS = {
    "enable_lora": True,
    "max_loras": 2,
    "max_lora_rank": 16,
    "dtype": "float32",
    "max_model_len": 512,
    "kv_cache_memory_bytes": 2**26,
}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module", params=ENGINES)
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def checkpoint(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_llama(tmp_path_factory.mktemp("tiny")) if runtime == "vllm" else "synthetic"


@pytest.fixture(scope="module")
def folders(runtime: str, checkpoint: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Three adapters by name, and one that is too large for the engine."""
    names = ("a", "b", "c")
    if runtime == "synthetic":
        return dict.fromkeys(names, "")
    place = tmp_path_factory.mktemp("adapters")
    found = {name: tiny_lora(checkpoint, place / name, seed=seed) for seed, name in enumerate(names)}
    return {**found, "large": tiny_lora(checkpoint, place / "large", seed=9, rank=64)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(runtime: str, checkpoint: str, folders: dict[str, str]) -> AsyncIterator[Engine]:
    specs: dict[str, dict[str, Any]] = {
        "synthetic": {"synthetic": {"step": {"base_ms": 2, "per_sequence_us": 10}}},
        "vllm": {"engine": ARGUMENTS},
    }
    spec = {"name": "dense", "family": "dense", "source": checkpoint, "runtime": runtime, **specs[runtime]}
    built = await build_engine(spec, "dense#1", lambda _: None)
    await built.start()
    for name in ("a", "b", "c"):
        await built.load_adapter(name, folders[name])
    yield built
    await built.stop()


def asked(prompt: str, adapter: str = "", **body: Any) -> Request:
    return replace(chat(prompt, **{"max_tokens": 12, "ignore_eos": True, **body}), adapter=adapter)


async def said(engine: Engine, prompt: str, adapter: str = "") -> str:
    """Return the answer's text; its model must be the one that was asked for."""
    answered = await frames(engine, asked(prompt, adapter))
    model = f"dense:{adapter}" if adapter else "dense"
    assert json.loads(answered[-1].data)["model"] == model
    assert answered[0].head is not None
    assert answered[0].head.model == model
    return answered[-1].text


async def together(engine: Engine, adapters: Sequence[str]) -> dict[str, list[str]]:
    """Ask every prompt of every adapter at once."""
    told = await asyncio.gather(*(said(engine, prompt, adapter) for prompt in PROMPTS for adapter in adapters))
    return {adapter: list(told[at :: len(adapters)]) for at, adapter in enumerate(adapters)}


async def test_an_adapter_changes_the_answer_and_names_itself(engine: Engine) -> None:
    """The same prompt has another greedy answer with each adapter, and without one."""
    assert engine.signals().adapters == ("a", "b", "c")
    assert len({await said(engine, PROMPTS[0], adapter) for adapter in ("", "a", "b", "c")}) == 4


@pytest.mark.parametrize("adapters", [("", "a"), ("a", "b"), ("", "a", "b", "c")])
async def test_requests_in_one_batch_keep_to_their_adapters(engine: Engine, adapters: tuple[str, ...]) -> None:
    """Whatever runs beside them, also nothing, and also more adapters than fit into the engine's memory at once."""
    alone = {adapter: [await said(engine, prompt, adapter) for prompt in PROMPTS] for adapter in adapters}
    assert await together(engine, adapters) == alone


async def test_answers_are_the_references(engine: Engine, runtime: str, checkpoint: str, folders: dict[str, str],
                                          tmp_path: Path) -> None:  # fmt: skip
    """In float32, greedy, each token is the one that transformers chooses with the adapter merged by PEFT."""
    if runtime == "synthetic":
        pytest.skip("a synthetic engine's words have no reference")
    for adapter in ("", "a", "b"):
        request = {"return_token_ids": True}
        answers = await asyncio.gather(*(frames(engine, asked(prompt, adapter, **request)) for prompt in PROMPTS))
        tokens = [json.loads(answered[-1].data)["choices"][0]["token_ids"] for answered in answers]
        reference = merged(checkpoint, folders[adapter], tmp_path / adapter) if adapter else checkpoint
        assert_float32_equal(reference, PROMPTS, tokens)


async def test_an_adapter_that_is_not_held_is_an_unknown_model(engine: Engine) -> None:
    """Before any frame, with the names that there are."""
    with pytest.raises(UnknownModel, match="dense:a"):
        await frames(engine, asked("hello", "nobody"))
    await engine.unload_adapter("nobody")


async def test_a_running_request_keeps_the_adapter_that_is_unloaded(engine: Engine, folders: dict[str, str]) -> None:
    """New requests are refused at once, and another adapter may take the name meanwhile."""
    expected = await said(engine, PROMPTS[0], "b")
    long = asked(PROMPTS[0], "a", stream=True, max_tokens=300)
    before = await _whole(engine, long)
    running = asyncio.create_task(_whole(engine, long))
    await until(lambda: engine.signals().running > 0)
    await engine.unload_adapter("a")
    assert engine.signals().adapters == ("b", "c")
    with pytest.raises(UnknownModel):
        await frames(engine, asked("hello", "a"))
    await engine.load_adapter("a", folders["b"])
    if folders["b"]:
        assert await said(engine, PROMPTS[0], "a") == expected
    assert not running.done()
    assert await running == before
    await engine.load_adapter("a", folders["a"])
    assert engine.signals().adapters == ("a", "b", "c")


async def _whole(engine: Engine, request: Request) -> str:
    answered: list[Frame] = await frames(engine, request)
    return "".join(frame.text for frame in answered)


async def test_what_cannot_be_loaded_is_refused_and_harms_nothing(
    engine: Engine, runtime: str, folders: dict[str, str], tmp_path: Path
) -> None:
    """The reason is told; the engine goes on, with the adapters that it has."""
    if runtime == "synthetic":
        pytest.skip("a synthetic engine reads nothing")
    with pytest.raises(Invalid, match="rank 64"):
        await engine.load_adapter("large", folders["large"])
    with pytest.raises(Invalid, match=r"adapter_config\.json"):
        await engine.load_adapter("empty", str(tmp_path))
    await engine.check()
    assert engine.signals().adapters == ("a", "b", "c")
    assert await said(engine, PROMPTS[0], "a") != await said(engine, PROMPTS[0])
