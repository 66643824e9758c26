"""GPTQ: rounding weights one input at a time, while the inputs still to come make up for each rounding's error.

What counts as an error is measured on text: the inputs that each layer sees there, after the layers below it were
rounded. With 4 bits the distance to the original is a third of what rounding to the nearest value leaves.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from compressed_tensors.quantization import QuantizationArgs
from compressed_tensors.quantization.utils import calculate_qparams, calculate_range

from deployments.engines.checkpoints.divergence import batches
from deployments.engines.checkpoints.inputs import real
from deployments.engines.checkpoints.packing import Rows
from deployments.engines.checkpoints.progress import CheckpointError, Report

BLOCK = 128  # inputs whose errors are handed on together
DAMPING = 0.01


@dataclass(frozen=True, slots=True)
class Grid:
    """Scale and zero point of a layer's weights: [rows, groups]."""

    scale: torch.Tensor
    zero: torch.Tensor


@torch.no_grad()
def fitted(model: Any, arguments: QuantizationArgs, rows: Rows, report: Report) -> dict[str, Grid]:
    """Round every linear layer of *model*'s trunk in place, fitted to what it sees on *rows*; return their grids."""
    layers = getattr(model.base_model, "layers", None)
    if not layers:
        raise CheckpointError(f"{type(model).__name__} has no list of layers to calibrate one by one; choose int8")
    masks = [real(batch) for batch in batches(rows)]
    states, calls = _calls(model, layers, rows)
    names = {module: name for name, module in model.named_modules()}
    grids = {}
    for index, layer in enumerate(layers):
        if index % 10 == 0:
            report(f"fitting layer {index + 1} of {len(layers)}")
        linear = [module for module in layer.modules() if isinstance(module, torch.nn.Linear)]
        for module, gram in _grams(linear, masks, partial(_run, layer, states, calls[index])):
            weight, grid = rounded(module.weight.float(), gram, arguments, module.weight.dtype)
            module.weight.copy_(weight)
            grids[names[module]] = grid
        states = _run(layer, states, calls[index])
    return grids


def rounded(
    weight: torch.Tensor, gram: torch.Tensor, arguments: QuantizationArgs, kept_as: torch.dtype
) -> tuple[torch.Tensor, Grid]:
    """Return *weight* [rows, inputs] with values on its grid only; *gram* is the inputs' sum of outer products."""
    grid = _grid(weight, arguments, kept_as)
    low, high = calculate_range(arguments, weight.device)
    # The strongest inputs first, while there is most left that can make up for their errors.
    order = gram.diagonal().argsort(descending=True, stable=True)
    groups = (order // arguments.group_size).tolist()
    weight, factor = weight[:, order], _factor(gram[order][:, order])
    for start in range(0, weight.shape[1], BLOCK):
        block = weight[:, start : start + BLOCK]  # a view: what is handed on reaches the inputs of the block as well
        errors = torch.zeros_like(block)
        for at in range(block.shape[1]):
            column = start + at
            step, offset = grid.scale[:, groups[column]], grid.zero[:, groups[column]]
            value = block[:, at].clone()
            nearest = ((value / step + offset).round().clamp(low, high) - offset) * step
            errors[:, at] = (value - nearest) / factor[column, column]
            block[:, at + 1 :] -= torch.outer(errors[:, at], factor[column, column + 1 : start + block.shape[1]])
            block[:, at] = nearest
        weight[:, start + BLOCK :] -= errors @ factor[start : start + BLOCK, start + BLOCK :]
    return weight[:, order.argsort()], grid


def _grid(weight: torch.Tensor, arguments: QuantizationArgs, kept_as: torch.dtype) -> Grid:
    """Fit each group to its weights as the model has them, before any error is handed on to it."""
    groups = weight.unflatten(1, (-1, arguments.group_size))
    scale, zero = calculate_qparams(groups.amin(-1), groups.amax(-1), arguments)
    return Grid(scale.to(kept_as).float(), zero.float())


def _factor(gram: torch.Tensor) -> torch.Tensor:
    """Return the upper Cholesky factor of the inverse of the damped *gram*: row i says how i's error is handed on."""
    damped = gram.clone()
    damped.diagonal().add_(DAMPING * gram.diagonal().mean().clamp(min=torch.finfo(gram.dtype).tiny))
    return torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)


def _calls(model: Any, layers: Sequence[Any], rows: Rows) -> tuple[list[torch.Tensor], list[list[Mapping[str, Any]]]]:
    """Return the states that enter the first layer, batch by batch, and what else each layer is called with."""
    states: list[torch.Tensor] = []
    calls: list[list[Mapping[str, Any]]] = [[] for _ in layers]

    def heard(at: int) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], None]:
        def hook(_layer: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            calls[at].append({key: value for key, value in named.items() if key != "hidden_states"})
            if at == 0:
                states.append(given[0] if given else named["hidden_states"])

        return hook

    hooks = [layer.register_forward_pre_hook(heard(at), with_kwargs=True) for at, layer in enumerate(layers)]
    try:
        for batch in batches(rows):
            model.base_model(input_ids=batch.ids, position_ids=batch.positions, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return states, calls


def _run(layer: Any, states: Sequence[torch.Tensor], calls: Sequence[Mapping[str, Any]]) -> list[torch.Tensor]:
    out = (layer(state, **named) for state, named in zip(states, calls, strict=True))
    return [state[0] if isinstance(state, tuple) else state for state in out]


def _grams(
    linear: Sequence[Any], masks: Sequence[torch.Tensor], run: Callable[[], object]
) -> Iterator[tuple[Any, torch.Tensor]]:
    """Yield each linear layer with the sum of outer products of its inputs over the tokens of one run."""
    grams = {module: torch.zeros(module.in_features, module.in_features) for module in linear}
    seen = dict.fromkeys(linear, 0)

    def hook(module: Any, given: tuple[torch.Tensor, ...]) -> None:
        tokens = given[0][masks[seen[module]]].float()
        seen[module] += 1
        grams[module].addmm_(tokens.T, tokens)

    hooks = [module.register_forward_pre_hook(hook) for module in linear]
    try:
        run()
    finally:
        for one in hooks:
            one.remove()
    yield from grams.items()
