"""Build the engine that a pool's specification asks for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.engines.base import Engine
from deployments.engines.checkpoints.store import CheckpointError, cache_directory, ensure
from deployments.engines.stages import OnStage
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import EngineFailed

if TYPE_CHECKING:
    from deployments.engines.vllm import VllmEngine

log = logging.getLogger(__name__)


async def build_engine(pool_spec: Mapping[str, Any], replica: str, stage: OnStage) -> Engine:
    """Return an engine that has not been started; raises EngineFailed where its checkpoint cannot be had.

    ``pool_spec`` is plain JSON: name, pool, family, source, runtime, engine, synthetic, cores, cache. May take minutes
    the first time a demo checkpoint is built, and never blocks the event loop.
    """
    if pool_spec["runtime"] == "synthetic":
        return _synthetic(pool_spec, replica, stage)
    stage("building")
    checkpoint = await asyncio.to_thread(_checkpoint, pool_spec)
    stage("loading")
    return await asyncio.to_thread(_vllm, pool_spec, replica, checkpoint, stage)


def _synthetic(pool_spec: Mapping[str, Any], replica: str, stage: OnStage) -> SyntheticEngine:
    spec = SyntheticSpec.model_validate(pool_spec.get("synthetic") or {})
    return SyntheticEngine(pool_spec["name"], pool_spec.get("pool", pool_spec["name"]), replica, spec, stage=stage)


def _checkpoint(pool_spec: Mapping[str, Any]) -> str:
    name, cache = pool_spec["name"], pool_spec.get("cache")
    try:
        return ensure(
            pool_spec["source"],
            Path(cache) if cache else cache_directory(),
            lambda text: log.info("checkpoint pool=%s %s", name, text),
        )
    except CheckpointError as error:
        raise EngineFailed(f"{name}: {error}") from error


def _vllm(pool_spec: Mapping[str, Any], replica: str, checkpoint: str, stage: OnStage) -> VllmEngine:
    # Importing vllm takes ten seconds and 700 MB: only the process that runs an engine pays.
    from deployments.engines.vllm import VllmEngine  # noqa: PLC0415
    from deployments.engines.vllm_start import VllmSettings  # noqa: PLC0415

    settings = VllmSettings(
        name=pool_spec["name"],
        checkpoint=checkpoint,
        arguments=pool_spec.get("engine") or {},
        family=pool_spec["family"],
        cores=pool_spec.get("cores"),
    )
    return VllmEngine(pool_spec.get("pool", settings.name), replica, settings, stage=stage)
