"""Build the engine that a pool's specification asks for."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.engines import media_settings
from deployments.engines.ahead import started_ahead
from deployments.engines.base import Engine
from deployments.engines.checkpoints.store import CheckpointError, cache_directory, ensure
from deployments.engines.drafts import all_local, draft_source, with_draft
from deployments.engines.importing import uncollected
from deployments.engines.stages import OnStage
from deployments.engines.startup import Startup
from deployments.engines.synthetic import SyntheticEngine
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import EngineFailed
from deployments.media import MediaSpec
from deployments.scheduling.targets import Targets

if TYPE_CHECKING:
    from deployments.engines.vllm import VllmEngine

log = logging.getLogger(__name__)


async def build_engine(
    pool_spec: Mapping[str, Any], replica: str, stage: OnStage, *, began_s: float | None = None
) -> Engine:
    """Return an engine that has not been started; raises EngineFailed where its checkpoint cannot be had.

    ``pool_spec`` is plain JSON: name, pool, family, source, runtime, engine, synthetic, targets, cores, cache. May take
    minutes the first time a demo checkpoint is built, and never blocks the event loop. ``began_s`` is when the start of
    the replica began, in Unix seconds; now where it is not given.
    """
    startup = Startup(began_s)
    startup.ended("process")
    if pool_spec["runtime"] == "synthetic":
        return _synthetic(pool_spec, replica, stage, startup)
    stage("building")
    checkpoint = await asyncio.to_thread(_checkpoint, pool_spec, pool_spec["source"])
    arguments = pool_spec.get("engine") or {}
    if draft := draft_source(arguments):
        path = await asyncio.to_thread(_checkpoint, pool_spec, draft)
        pool_spec = {**pool_spec, "engine": with_draft(arguments, path)}
    startup.ended("checkpoint")
    stage("loading")
    return await asyncio.to_thread(_vllm, pool_spec, replica, checkpoint, stage, startup)


def _synthetic(pool_spec: Mapping[str, Any], replica: str, stage: OnStage, startup: Startup) -> SyntheticEngine:
    spec = SyntheticSpec.model_validate(pool_spec.get("synthetic") or {})
    name, pooling = pool_spec["name"], pool_spec["family"] == "pooling"
    return SyntheticEngine(
        name,
        pool_spec.get("pool", name),
        replica,
        spec,
        stage=stage,
        pooling=pooling,
        targets=Targets.of(pool_spec.get("targets") or {}),
        startup=startup,
    )


def _checkpoint(pool_spec: Mapping[str, Any], source: str) -> str:
    name, cache = pool_spec["name"], pool_spec.get("cache")
    try:
        return ensure(
            source,
            Path(cache) if cache else cache_directory(),
            lambda text: log.info("checkpoint pool=%s %s", name, text),
        )
    except CheckpointError as error:
        raise EngineFailed(f"{name}: {error}") from error


def _vllm(pool_spec: Mapping[str, Any], replica: str, checkpoint: str, stage: OnStage, startup: Startup) -> VllmEngine:
    media = MediaSpec.model_validate(pool_spec.get("media") or {})
    os.environ.update(media_settings.environment(media))
    arguments, cores = pool_spec.get("engine") or {}, pool_spec.get("cores")
    waiting = started_ahead(arguments, cores=cores, local=all_local(checkpoint, arguments))
    # Importing vllm takes ten seconds and 700 MB: only the process that runs an engine pays.
    with uncollected():
        from deployments.engines.vllm import VllmEngine  # noqa: PLC0415
        from deployments.engines.vllm_start import VllmSettings  # noqa: PLC0415
    startup.ended("imports")

    settings = VllmSettings(
        name=pool_spec["name"],
        checkpoint=checkpoint,
        arguments=arguments,
        media=media,
        family=pool_spec["family"],
        cores=cores,
        targets=Targets.of(pool_spec.get("targets") or {}),
    )
    pool = pool_spec.get("pool", settings.name)
    return VllmEngine(pool, replica, settings, stage=stage, startup=startup, waiting=waiting)
