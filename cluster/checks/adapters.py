"""LoRA adapters: names that can stand in a model name, folders that hold one, and engines that can hold it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cluster.config import ModelSpec
from cluster.parts import Parts
from cluster.plan import Machine
from cluster.problems import Loc, Problem, path_of, shown
from cluster.sizing import device_of, holds_adapters
from deployments.adapters import is_adapter_name
from deployments.engines.adapter_files import fault, rank
from deployments.engines.checkpoints.store import HUB_ID
from deployments.engines.lora_settings import lora_defaults


def misfit(parts: Parts, nodes: Sequence[Machine]) -> Iterator[Problem]:
    """Find adapters that no replica of their model could hold."""
    for name, model in parts.models.items():
        loc: Loc = ("models", name, "adapters")
        if not parts.sound(*loc):
            continue
        for adapter in model.adapters:
            if not is_adapter_name(adapter):
                rule = "is not a name: up to 63 letters, digits, '.', '_' and '-', a letter or digit first"
                yield Problem(path=path_of((*loc, adapter)), message=f"{shown(adapter)} {rule}", value=adapter)
        if model.runtime == "vllm":
            yield from _unloadable(name, model)
            yield from _without_kernels(name, model, nodes)


def _unloadable(name: str, model: ModelSpec) -> Iterator[Problem]:
    if model.adapters and model.engine.get("enable_lora") is False:
        message = "is false, and the model has adapters; leave it out"
        yield Problem(path=path_of(("models", name, "engine", "enable_lora")), message=message, value=False)
    arguments: Mapping[str, object] = {**lora_defaults(model.engine, model.adapters), **model.engine}
    for adapter, source in model.adapters.items():
        if rule := _rule(source, arguments.get("max_lora_rank")):
            path = path_of(("models", name, "adapters", adapter))
            yield Problem(path=path, message=f"{shown(source)} {rule}", value=source)


def _without_kernels(name: str, model: ModelSpec, nodes: Sequence[Machine]) -> Iterator[Problem]:
    """Find models whose engine would end at its first step: vLLM's expert layers know adapters on a GPU only."""
    if model.family == "moe" and holds_adapters(model) and device_of(model, nodes) == "cpu":
        loc = ("models", name, "adapters") if model.adapters else ("models", name, "engine", "enable_lora")
        message = "a mixture of experts can hold adapters on a GPU only; leave them out"
        yield Problem(path=path_of(loc), message=message, value=model.adapters or True)


def _rule(source: str, most: object) -> str | None:
    folder = Path(source).expanduser()
    if not (source.startswith(("/", ".", "~")) or folder.is_dir()):
        return None if HUB_ID.fullmatch(source) else "is neither a folder with an adapter nor a Hugging Face id"
    if why := fault(folder):
        return why
    has = rank(folder)
    if has is not None and isinstance(most, int) and has > most:
        return f"has rank {has}, more than engine.max_lora_rank ({most}); raise that"
    return None
