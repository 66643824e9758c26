"""From a pool's settings to a running vLLM engine; every failure becomes one sentence."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.engines import media_settings, vllm_core
from deployments.engines.core_process import CoreProcess
from deployments.engines.cpu_libraries import preloads
from deployments.engines.cpu_settings import Family, defaults, environment, objections
from deployments.engines.drafts import all_local
from deployments.engines.last_words import LastWords, sentence
from deployments.engines.lora_settings import lora_defaults
from deployments.engines.vllm_arguments import parse
from deployments.engines.vllm_load import Load
from deployments.engines.vllm_serving import VllmServing
from deployments.errors import EngineFailed
from deployments.media import MediaSpec
from deployments.scheduling.targets import NONE, Targets


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmSettings:
    """What decides an engine; ``cores`` are its alone, None where it shares the machine.

    Its scheduler aims at ``targets``.
    """

    name: str
    checkpoint: str
    arguments: Mapping[str, Any]
    media: MediaSpec = field(default_factory=MediaSpec)
    family: Family = "dense"
    cores: Sequence[int] | None = None
    targets: Targets = NONE


def parsed(settings: VllmSettings) -> Namespace:
    """Return vLLM's own view of the arguments, the pool's over the defaults; raises EngineFailed."""
    name, device = settings.name, vllm_core.device()
    for key, why in objections(settings.arguments, device):
        raise EngineFailed(f"{name}: engine.{key} {why}")
    folder = Path(settings.checkpoint)
    if folder.is_absolute() and not (folder / "config.json").is_file():
        raise EngineFailed(f"{name}: {folder} is no checkpoint: it holds no config.json")
    try:
        given = {**media_settings.arguments(settings.media), **settings.arguments}
        return parse(name, settings.checkpoint, {**defaults(settings.family, device), **lora_defaults(given), **given})
    except (TypeError, ValueError) as error:
        raise EngineFailed(f"{name}: engine arguments: {error}") from error


async def built(
    settings: VllmSettings, arguments: Namespace, load: Load, words: LastWords, waiting: CoreProcess | None = None
) -> vllm_core.Core:
    """Start the engine's processes and load the model, off the event loop; raises EngineFailed with the cause."""
    variables = environment(
        cores=settings.cores,
        ranks=vllm_core.ranks(arguments),
        preload=preloads() if vllm_core.device() == "cpu" else (),
        local=all_local(settings.checkpoint, settings.arguments),
    )
    try:
        return await asyncio.to_thread(vllm_core.build, arguments, load, variables, words, settings.targets, waiting)
    except Exception as error:
        reason = words.read() or sentence(error)
        raise EngineFailed(f"{settings.name}: the engine did not start: {reason}") from error


async def opened(settings: VllmSettings, arguments: Namespace, core: vllm_core.Core) -> VllmServing:
    """Build vLLM's serving layer around a running engine; raises EngineFailed."""
    try:
        return await VllmServing.create(core.llm, arguments, settings.name)
    except Exception as error:
        raise EngineFailed(f"{settings.name}: vLLM's serving layer did not start: {sentence(error)}") from error
