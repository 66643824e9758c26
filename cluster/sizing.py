"""What one replica of a model takes, from its engine arguments and resources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cluster.config import ModelSpec
from cluster.placement import Shape
from cluster.plan import Machine
from cluster.problems import Problem, path_of, shown
from deployments.engines.cpu_settings import Device, defaults
from deployments.engines.lora_settings import lora_defaults

# A synthetic engine sleeps nearly all the time.
_SYNTHETIC_CPUS = 0.01
_LEAST_GPU = 0.01

# vLLM's own default depends on the GPU it finds; queues are sized before any is found.
_GPU_SLOTS = 256

COUNTED = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "max_num_seqs")


def shape_of(model: ModelSpec, nodes: Sequence[Machine]) -> Shape:
    """Return what a replica takes; a model on vLLM takes a GPU for each rank where any machine has GPUs."""
    tensor, pipeline = (count(model.engine.get(name)) or 1 for name in COUNTED[:2])
    ranks, vllm = tensor * pipeline, model.runtime == "vllm"
    gpus = model.resources.gpus
    if gpus is None:
        gpus = float(ranks) if vllm and any(node.gpus for node in nodes) else 0.0
    cpus = model.resources.cpus
    if cpus is None:
        cpus = float(ranks) if vllm or gpus else _SYNTHETIC_CPUS
    return Shape(tensor=tensor, pipeline=pipeline, cpus=cpus, gpus=gpus, memory=model.resources.memory or None)


def device_of(model: ModelSpec, nodes: Sequence[Machine]) -> Device:
    """Return what the model's engines compute on."""
    return "gpu" if shape_of(model, nodes).gpus else "cpu"


def arguments_of(model: ModelSpec, device: Device) -> dict[str, Any]:
    """Return the engine arguments in force, defaults included; a synthetic engine has none but its own."""
    if model.runtime == "synthetic":
        return dict(model.engine)
    ours = {**defaults(model.family, device), **lora_defaults(model.engine, model.adapters)}
    return {"max_num_seqs": _GPU_SLOTS, **ours, **model.engine}


def holds_adapters(model: ModelSpec) -> bool:
    """Say whether the model's engines can hold LoRA adapters; a synthetic one always can."""
    arguments = {**lora_defaults(model.engine, model.adapters), **model.engine}
    return model.runtime == "synthetic" or arguments.get("enable_lora") is True


def count(value: Any) -> int | None:
    """Return *value* if it is a whole number of at least 1."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None


def missized(name: str, model: ModelSpec) -> Iterator[Problem]:
    """Find sizes that are no counts, and GPUs that do not match the ranks."""
    for argument in COUNTED:
        value = model.engine.get(argument, 1)
        if count(value) is None:
            message = f"{shown(value)} is not a whole number of at least 1"
            yield Problem(path=path_of(("models", name, "engine", argument)), message=message, value=value)
    if (count(model.engine.get("data_parallel_size")) or 1) > 1:
        message = "is not 1; let replicas.max say how many copies of the model may run"
        yield Problem(path=path_of(("models", name, "engine", "data_parallel_size")), message=message)
    gpus = model.resources.gpus
    if gpus and (rule := _gpu_rule(gpus, shape_of(model, ()))):
        yield Problem(path=path_of(("models", name, "resources", "gpus")), message=f"{gpus:g} {rule}", value=gpus)


def _gpu_rule(gpus: float, shape: Shape) -> str | None:
    if shape.ranks == 1:
        return None if _LEAST_GPU <= gpus <= 1 else f"is not from {_LEAST_GPU} to 1, which is what a single rank takes"
    if gpus == shape.ranks:
        return None
    return f"is not tensor_parallel_size × pipeline_parallel_size ({shape.tensor} × {shape.pipeline} = {shape.ranks})"
