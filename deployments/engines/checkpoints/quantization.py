"""Quantised linear layers in the compressed-tensors format, which vLLM reads; the library rounds, scales, and packs."""

from pathlib import Path
from typing import Any

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import (
    QuantizationArgs,
    QuantizationConfig,
    apply_quantization_config,
    preset_name_to_scheme,
)
from compressed_tensors.quantization.utils import calculate_qparams

from deployments.engines.checkpoints import gptq, models
from deployments.engines.checkpoints.gptq import Grid
from deployments.engines.checkpoints.packing import Rows
from deployments.engines.checkpoints.progress import CheckpointError, Report
from deployments.engines.checkpoints.schemes import Scheme

LEFT_OUT = ("lm_head",)  # the head, and the embeddings that are often the same weights, decide every token


def apply(model: Any, scheme: Scheme, rows: Rows, report: Report) -> None:
    """Choose scale and zero point of every weight, by *rows* of text where four bits must do; *model* computes so."""
    settings = preset_name_to_scheme(scheme.preset, ["Linear"])
    if scheme.group:
        settings.weights.group_size = scheme.group
    check_shapes(model, scheme)
    grids = gptq.fitted(model, settings.weights, rows, report) if scheme.group else {}
    apply_quantization_config(model, QuantizationConfig(config_groups={"group_0": settings}, ignore=list(LEFT_OUT)))
    for name, layer in model.named_modules():
        if getattr(layer, "quantization_scheme", None) is not None:
            grid = grids.get(name) or whole_range(layer.weight.float(), settings.weights)
            layer.weight_scale.data.copy_(grid.scale)
            layer.weight_zero_point.data.copy_(grid.zero)


def write(model: Any, tokenizer: Any, target: Path) -> None:
    """Pack what `apply` chose, and write a checkpoint that says how it was quantised."""
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    models.save(model, tokenizer, target)
    compressor.update_config(str(target))


def read(source: Path) -> Any:
    """Load what `write` wrote as a model that computes with its quantised weights and activations."""
    model, _ = models.load(str(source))
    # The library unpacks at the first call of the whole model, and measuring calls only the trunk of it.
    model(input_ids=torch.zeros((1, 1), dtype=torch.long), use_cache=False)
    return model


def check_shapes(model: Any, scheme: Scheme) -> None:
    """Refuse a model whose layers cannot be written in *scheme*."""
    experts = getattr(model.config, "num_local_experts", None) or getattr(model.config, "num_experts", None)
    if experts:
        raise CheckpointError(
            f"the model is a mixture of {experts} experts a layer, which quantize cannot write; "
            "give a dense model, or a mixture that its authors have quantised"
        )
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and scheme.group and layer.in_features % scheme.group:
            raise CheckpointError(
                f"{name} has {layer.in_features} inputs, which are no whole groups of {scheme.group}; choose int8"
            )


def whole_range(weight: torch.Tensor, arguments: QuantizationArgs) -> Grid:
    """Return the grid that reaches from the least to the greatest weight of each row."""
    scale, zero = calculate_qparams(weight.amin(1, keepdim=True), weight.amax(1, keepdim=True), arguments)
    return Grid(scale, zero)
