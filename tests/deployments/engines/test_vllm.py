"""What is particular to vLLM: its arguments, failures to start told in a sentence, and a killed engine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from deployments.engines.base import Engine
from deployments.engines.engine_arguments import LIST
from deployments.engines.launch import build_engine
from deployments.errors import EngineFailed
from tests.deployments.engines.asking import answer, chat, frames

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

REPLICA = """
import asyncio, psutil
from deployments.engines.launch import build_engine

async def main():
    spec = {"name": "dense", "family": "dense", "source": "demo/dense", "runtime": "vllm"}
    engine = await build_engine(spec, "dense#1", lambda _: None)
    await engine.start()
    [core] = [child for child in psutil.Process().children() if "EngineCore" in child.name()]
    print(f"ready {core.pid}", flush=True)
    await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


def spec(**engine: Any) -> dict[str, Any]:
    arguments = {"max_model_len": 1024, **engine}
    return {"name": "dense", "family": "dense", "source": "demo/dense", "runtime": "vllm", "engine": arguments}


def children() -> set[int]:
    # Python keeps one process for all that it starts, to clean up after them.
    found = psutil.Process().children(recursive=True)
    return {child.pid for child in found if "resource_tracker" not in " ".join(child.cmdline())}


async def failure(**engine: Any) -> str:
    built = await build_engine(spec(**engine), "dense#1", lambda _: None)
    with pytest.raises(EngineFailed) as failed:
        await built.start()
    await built.stop()
    return failed.value.message


@asynccontextmanager
async def started(*, alone: bool = False) -> AsyncIterator[Engine]:
    before = children()
    built = await build_engine(spec(), "dense#1", lambda _: None)
    (ahead,) = children() - before
    if alone:
        os.kill(ahead, signal.SIGKILL)
    await built.start()
    assert (ahead in children()) is not alone
    yield built
    await built.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def doomed() -> AsyncIterator[Engine]:
    """Also an engine whose process, started ahead, has died before it was needed: vLLM then starts its own."""
    async with started(alone=True) as built:
        yield built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[Engine]:
    async with started() as built:
        yield built


async def test_the_written_argument_names_are_those_of_the_installed_vllm() -> None:
    """When this fails: python -m deployments.engines.vllm_arguments."""
    from deployments.engines.vllm_arguments import names  # noqa: PLC0415 - imports vllm

    assert json.loads(files("deployments.engines").joinpath(LIST).read_text("utf-8")) == names()


@pytest.mark.parametrize(
    ("engine_arguments", "told"),
    [
        ({"max_num_seqs": "many"}, "max-num-seqs"),
        ({"dtype": "float99"}, "float99"),
        ({"enforce_eager": True}, "wrong text"),
        ({"enable_auto_tool_choice": True}, "tool-call-parser"),
        ({"max_model_len": 10**9}, "max_model_len"),
    ],
)
async def test_wrong_arguments_are_told_in_one_sentence(engine_arguments: dict[str, Any], told: str) -> None:
    """With the argument's name, and no process is left."""
    before = children()
    message = await failure(**engine_arguments)
    assert told in message
    assert "\n" not in message
    assert children() == before


async def test_too_much_cache_is_told_by_its_cause() -> None:
    """The engine's process finds out, and its reason reaches the caller."""
    message = await failure(kv_cache_memory_bytes=2**50)
    assert "memory" in message
    assert "\n" not in message


async def test_a_directory_without_a_model_is_no_checkpoint(tmp_path: Path) -> None:
    """The sentence says what is missing where."""
    with pytest.raises(EngineFailed, match=r"config\.json"):
        await build_engine({**spec(), "source": str(tmp_path)}, "dense#1", lambda _: None)


async def test_a_killed_engine_ends_its_streams_and_fails_its_check(doomed: Engine) -> None:
    """kill -9 on the engine's process: every reader is told, check() fails at once, stop() leaves nothing behind."""
    request = {"max_tokens": 900, "ignore_eos": True}
    streamed, whole = (answer(doomed, chat("Tell a story.", stream=stream, **request)) for stream in (True, False))
    await asyncio.gather(anext(streamed), anext(whole))
    [process] = [child for child in psutil.Process().children() if "EngineCore" in child.name()]
    os.kill(process.pid, signal.SIGKILL)
    for stream in (streamed, whole):
        with pytest.raises(EngineFailed, match="died"):
            async for _ in stream:
                pass
    with pytest.raises(EngineFailed, match="died"):
        await frames(doomed, chat())
    with pytest.raises(EngineFailed, match="died"):
        await doomed.check()
    await doomed.stop()
    assert not process.is_running()


async def test_an_engine_whose_replica_is_killed_goes_with_it() -> None:
    """kill -9 on the process around the engine leaves no orphan that holds memory and cores."""
    replica = await asyncio.create_subprocess_exec(sys.executable, "-c", REPLICA, stdout=asyncio.subprocess.PIPE)
    try:
        assert replica.stdout is not None
        async with asyncio.timeout(300):
            while not (line := await replica.stdout.readline()).startswith(b"ready "):
                assert line, "the replica ended before its engine was ready"
        core = psutil.Process(int(line.split()[1]))
    finally:
        replica.kill()
        await replica.wait()
    await asyncio.to_thread(core.wait, 30)


async def test_its_start_is_told_in_stages(engine: Engine) -> None:
    """Those of the engine core, which is another process, among them."""
    stages = dict(engine.signals().startup)
    assert list(stages) == ["process", "checkpoint", "imports", "weights", "kv_cache", "serving", "warm_up"]
    assert all(stages[stage] > 0 for stage in ("imports", "weights", "kv_cache", "serving", "warm_up"))


async def test_vllms_own_metrics_are_in_this_process(engine: Engine) -> None:
    """Its Prometheus logger runs beside ours, and both count the same tokens."""
    await frames(engine, chat())
    found = REGISTRY.get_sample_value("vllm:generation_tokens_total", {"engine": "0", "model_name": "dense"})
    assert found == engine.signals().generated_tokens_total > 0


# The last test: it ends the module's engine.
async def test_stop_leaves_no_process_behind(engine: Engine) -> None:
    """Idle or busy, every process of the engine is gone when stop() returns."""
    workers = [child for child in psutil.Process().children(recursive=True) if "VLLM" in child.name()]
    assert workers
    opened = answer(engine, chat("Tell a story.", stream=True, max_tokens=900, ignore_eos=True))
    await anext(opened)
    began_s = time.monotonic()
    await engine.stop()
    assert time.monotonic() - began_s < 60
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]
