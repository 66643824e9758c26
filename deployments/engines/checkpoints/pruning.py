"""Which decoder layers a student can do without, and the student without them."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn

SHORTLIST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One greedy step: the layer that goes, and the KL to the teacher (nats a token) once it is gone."""

    layer: int
    kl: float


def choose(layers: int, count: int, cost: Callable[[frozenset[int]], float]) -> Iterator[Cut]:
    """Drop *count* of *layers* one by one, each time the one whose absence costs least; yield each step as it is made.

    Every layer is tried first; later steps try only the cheapest of the step before, which is where the next one
    comes from: a layer that was dear to lose does not become cheap when others have gone too.
    """
    gone: frozenset[int] = frozenset()
    candidates = list(range(layers))
    for _ in range(count):
        cuts = sorted((Cut(layer=layer, kl=cost(gone | {layer})) for layer in candidates), key=_worth)
        gone |= {cuts[0].layer}
        candidates = [cut.layer for cut in cuts[1:]][: SHORTLIST + count]
        yield cuts[0]


@contextmanager
def without(model: Any, dropped: frozenset[int]) -> Iterator[Any]:
    """Lend *model* without the layers in *dropped*, and put them back."""
    trunk = model.base_model
    whole = trunk.layers
    trunk.layers = nn.ModuleList(layer for index, layer in enumerate(whole) if index not in dropped)
    trunk.config.num_hidden_layers = len(trunk.layers)
    try:
        yield model
    finally:
        trunk.layers = whole
        trunk.config.num_hidden_layers = len(whole)


def pruned(model: Any, dropped: Sequence[int]) -> Any:
    """Copy *model* without the layers in *dropped*; the layers left are renumbered for the KV cache."""
    with without(model, frozenset(dropped)) as lent:
        student = copy.deepcopy(lent)
    for index, layer in enumerate(student.base_model.layers):
        layer.self_attn.layer_idx = index
    if getattr(student.config, "layer_types", None):
        student.config.layer_types = [
            kind for index, kind in enumerate(model.config.layer_types) if index not in dropped
        ]
    return student


def _worth(cut: Cut) -> tuple[float, int]:
    return cut.kl, cut.layer
