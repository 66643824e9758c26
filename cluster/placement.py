"""From parallel sizes to what Ray reserves for one replica: bundles, and how they lie on machines.

vLLM takes one bundle with at most one GPU for each rank. Tensor-parallel ranks talk at every layer and stay on one
machine; pipeline stages talk once a step and may be on several. On a CPU all ranks of a replica are processes of one
bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from cluster.plan import Machine, Strategy

Bundle = dict[str, float]

# Ray counts resources in ten-thousandths.
_GRAIN = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one replica asks for: its ranks, and CPUs, GPUs and memory (bytes) over all of them."""

    tensor: int = 1
    pipeline: int = 1
    cpus: float = 0.0
    gpus: float = 0.0
    memory: int | None = None

    @property
    def ranks(self) -> int:
        """Return how many processes hold a part of the model."""
        return self.tensor * self.pipeline

    @property
    def stage_gpus(self) -> float:
        """Return the GPUs of one pipeline stage, which one machine must hold."""
        return self.gpus / self.pipeline


def bundles(shape: Shape) -> tuple[Bundle, ...]:
    """Return one bundle for each rank on GPUs, stage by stage; one for the whole replica on CPUs."""
    ranks = shape.ranks if shape.gpus else 1
    return tuple(_bundle(shape, ranks, first=rank == 0) for rank in range(ranks))


def _bundle(shape: Shape, ranks: int, *, first: bool) -> Bundle:
    each = floor(shape.cpus / ranks * _GRAIN) / _GRAIN
    cpus = round(shape.cpus - each * (ranks - 1), 4) if first else each
    asked = {"CPU": cpus, "GPU": shape.gpus / ranks, "memory": float((shape.memory or 0) // ranks)}
    return {name: amount for name, amount in asked.items() if amount}


def strategy(shape: Shape, nodes: Sequence[Machine]) -> Strategy:
    """Return STRICT_PACK where one machine can hold every rank, else PACK, which keeps as many together as it can."""
    return "STRICT_PACK" if shape.gpus <= max((node.gpus for node in nodes), default=0) else "PACK"


def groups(shape: Shape, how: Strategy) -> tuple[Shape, ...]:
    """Return the parts of a replica that must each lie on one machine: the whole of it, or its pipeline stages."""
    if how == "STRICT_PACK" or not shape.gpus:
        return (shape,)
    stage = Shape(
        tensor=shape.tensor,
        cpus=shape.cpus / shape.pipeline,
        gpus=shape.stage_gpus,
        memory=None if shape.memory is None else shape.memory // shape.pipeline,
    )
    return (stage,) * shape.pipeline
