"""LoRA adapters on the CPU, right for batches in which some requests use none.

vLLM's own CPU code looks the weights up by an index that is -1 for a request without an adapter: as soon as all places
are taken, such a request is answered with the adapter in the last one. It also copies the weights once for every token.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from vllm.lora.punica_wrapper.punica_cpu import PunicaWrapperCPU
from vllm.platforms import current_platform
from vllm.v1.worker.cpu_worker import CPUWorker

Group = tuple[int, torch.Tensor]


class AdapterWorker(CPUWorker):  # type: ignore[misc]
    """A worker whose model multiplies each adapter with the rows that use it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        where = f"{GroupedAdapters.__module__}.{GroupedAdapters.__qualname__}"
        type(current_platform).get_punica_wrapper = classmethod(lambda _: where)
        super().__init__(*arguments, **options)


class GroupedAdapters(PunicaWrapperCPU):  # type: ignore[misc]
    """One product an adapter and layer; rows without an adapter are left alone."""

    _tokens: tuple[Group, ...] = ()
    _samples: tuple[Group, ...] = ()

    def update_metadata(self, *mapping: Any, **options: Any) -> None:
        """Take the adapters of the next step."""
        super().update_metadata(*mapping, **options)
        self._tokens = tuple(_groups(self.token_lora_indices))
        self._samples = tuple(_groups(self.sampler_indices))

    def add_lora_embedding(
        self, y: torch.Tensor, x: torch.Tensor, lora_b_stacked: torch.Tensor, add_inputs: bool = True, **_: Any
    ) -> None:
        """Add to the embedding what the adapters say."""
        _expand(self._tokens, y, x, lora_b_stacked, slice(0, y.shape[-1]), add=add_inputs)

    def add_lora_logits(
        self,
        y: torch.Tensor,
        x: torch.Tensor,
        lora_a_stacked: torch.Tensor,
        lora_b_stacked: torch.Tensor,
        scale: float,
        *,
        buffer: torch.Tensor | None = None,
        **_: Any,
    ) -> None:
        """Add to the logits what the adapters say."""
        x = x.view(-1, x.shape[-1])
        if buffer is None:
            buffer = torch.zeros((x.size(0), lora_b_stacked.size(-1)), dtype=torch.float32)
        _shrink(self._samples, buffer, x, lora_a_stacked, scale)
        _expand(self._samples, y.view(-1, y.shape[-1]), buffer, lora_b_stacked, slice(0, y.shape[-1]), add=True)

    def _apply_shrink(self, y: torch.Tensor, x: torch.Tensor, w_t_all: torch.Tensor, scale: float) -> None:
        _shrink(self._tokens, y.view(-1, y.shape[-1]), x, w_t_all, scale)

    def _apply_expand(
        self,
        y: torch.Tensor,
        x: torch.Tensor,
        w_t_all: torch.Tensor,
        y_offset: int,
        y_slice_size: int,
        add_inputs: bool = True,
    ) -> None:
        columns = slice(y_offset, y_offset + y_slice_size)
        _expand(self._tokens, y.view(-1, y.shape[-1]), x, w_t_all, columns, add=add_inputs)


def _groups(indices: torch.Tensor) -> Iterator[Group]:
    for number in indices.unique().tolist():
        if number >= 0:
            yield number, (indices == number).nonzero().squeeze(1)


def _shrink(groups: tuple[Group, ...], y: torch.Tensor, x: torch.Tensor, weights: torch.Tensor, scale: float) -> None:
    for number, rows in groups:
        matrix = _matrix(weights, number).to(x.dtype)
        y[rows, : matrix.shape[0]] = (scale * (x[rows] @ matrix.T)).to(y.dtype)


def _expand(
    groups: tuple[Group, ...], y: torch.Tensor, x: torch.Tensor, weights: torch.Tensor, columns: slice, *, add: bool
) -> None:
    for number, rows in groups:
        matrix = _matrix(weights, number).to(y.dtype)
        part = slice(columns.start, min(columns.stop, columns.start + matrix.shape[0]))
        told = x[rows].to(y.dtype) @ matrix.T
        y[rows, part] = y[rows, part] + told[:, : part.stop - part.start] if add else told[:, : part.stop - part.start]


def _matrix(weights: torch.Tensor, number: int) -> torch.Tensor:
    """Return one adapter's matrix; linear layers have a dimension of one between the places and it."""
    one = weights[number]
    return one.squeeze(0) if one.dim() > 2 else one  # noqa: PLR2004
