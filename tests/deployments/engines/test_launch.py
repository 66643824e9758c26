"""The factory gives each pool the engine that it asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.engines.launch import build_engine
from deployments.engines.synthetic import SyntheticEngine
from deployments.errors import EngineFailed
from deployments.signals import Stage
from tests.deployments.engines.asking import chat, frames


async def test_a_synthetic_pool_gets_a_synthetic_engine() -> None:
    """With the specification's own settings, and without asking for a checkpoint."""
    stages: list[Stage] = []
    spec = {"name": "m", "family": "dense", "source": "demo/none", "runtime": "synthetic", "synthetic": {"slots": 3}}
    engine = await build_engine(spec, "m#1", stages.append)
    assert isinstance(engine, SyntheticEngine)
    info = await engine.start()
    assert (info.model, info.slots) == ("m", 3)
    assert (engine.signals().pool, engine.signals().replica) == ("m", "m#1")
    assert stages == ["loading", "warming", "ready"]
    assert await frames(engine, chat(max_tokens=2))
    await engine.stop()


@pytest.mark.parametrize("source", ["demo/unknown", "/nowhere/at/all"])
async def test_a_checkpoint_that_cannot_be_had_fails_the_launch(source: str, tmp_path: Path) -> None:
    """In one sentence that names the pool and the source, before anything heavy is imported."""
    stages: list[Stage] = []
    spec = {"name": "m", "family": "dense", "source": source, "runtime": "vllm", "cache": str(tmp_path)}
    with pytest.raises(EngineFailed, match=source) as failed:
        await build_engine(spec, "m#1", stages.append)
    assert failed.value.message.startswith("m: ")
    assert stages == ["building"]
