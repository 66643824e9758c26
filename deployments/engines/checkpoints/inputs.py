"""What a model's MLPs see: the normed hidden states that reach each of them."""

from collections.abc import Callable
from typing import Any

import torch

from deployments.engines.checkpoints.divergence import batches
from deployments.engines.checkpoints.packing import Rows


@torch.no_grad()
def mlp_inputs(model: Any, rows: Rows) -> list[torch.Tensor]:
    """Return, layer by layer, the inputs [tokens, width] of the MLPs over the tokens of *rows*, padding left out."""
    blocks = [layer.mlp for layer in model.base_model.layers]
    seen: list[list[torch.Tensor]] = [[] for _ in blocks]
    for batch in batches(rows):
        hooks = [
            block.register_forward_pre_hook(_into(into, real(batch))) for block, into in zip(blocks, seen, strict=True)
        ]
        try:
            model.base_model(input_ids=batch.ids, position_ids=batch.positions, use_cache=False)
        finally:
            for hook in hooks:
                hook.remove()
    return [torch.cat(parts) for parts in seen]


def real(rows: Rows) -> torch.Tensor:
    """Tell tokens of chats from padding (which stays at position 0): bool [rows, length]."""
    starts = torch.zeros_like(rows.counted)
    starts[:, :-1] = (rows.positions[:, :-1] == 0) & (rows.positions[:, 1:] == 1)
    return starts | (rows.positions > 0)


def _into(kept: list[torch.Tensor], mask: torch.Tensor) -> Callable[[Any, tuple[torch.Tensor, ...]], None]:
    def hook(_block: Any, arguments: tuple[torch.Tensor, ...]) -> None:
        kept.append(arguments[0][mask])

    return hook
