"""The low-rank difference between a pruned model and its healed self, as it is stored, and adding it to the weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """One weight's difference: up [out, rank] times down [rank, in]."""

    up: torch.Tensor
    down: torch.Tensor


Difference = dict[str, Factors]  # by the name of the linear module in the pruned model


def taken(model: Any) -> Difference:
    """Read the difference out of a model with adapters, rounded to bfloat16, the adapters' scale folded into `up`."""
    return {
        name: Factors(
            up=(module.lora_B["default"].weight * module.scaling["default"]).detach().bfloat16(),
            down=module.lora_A["default"].weight.detach().bfloat16(),
        )
        for name, module in model.named_modules()
        if isinstance(module, LoraLayer)
    }


@torch.no_grad()
def merge(model: Any, difference: Difference) -> None:
    """Add *difference* to the weights of *model* in place: summed in float32, rounded once to the weights' own type."""
    for name, factors in difference.items():
        weight = model.get_submodule(name).weight
        weight.copy_(weight.float() + factors.up.float() @ factors.down.float())


def save(path: Path, difference: Difference) -> None:
    """Write the difference as safetensors."""
    tensors = {}
    for name, factors in difference.items():
        tensors[f"{name}.up"] = factors.up.contiguous()
        tensors[f"{name}.down"] = factors.down.contiguous()
    save_file(tensors, str(path))


def load(path: Path) -> Difference:
    """Read what `save` wrote."""
    tensors = load_file(str(path))
    names = dict.fromkeys(key.rpartition(".")[0] for key in tensors)
    return {name: Factors(up=tensors[f"{name}.up"], down=tensors[f"{name}.down"]) for name in names}
