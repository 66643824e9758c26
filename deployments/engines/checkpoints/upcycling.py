"""One dense MLP into smaller experts that make it up together: each keeps the neurons that its own tokens need most."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Mlp:
    """A gated MLP in float32: gate and up [neurons, width], down [width, neurons]."""

    gate: torch.Tensor
    up: torch.Tensor
    down: torch.Tensor

    def activations(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the neurons say: [tokens, neurons]."""
        said: torch.Tensor = torch.nn.functional.silu(inputs @ self.gate.T) * (inputs @ self.up.T)
        return said


@dataclass(slots=True, kw_only=True)
class _Fit:
    """One expert's least squares: neurons, tokens, weighted activations, the factor of their ridged Gram matrix."""

    kept: torch.Tensor
    routed: torch.Tensor
    seen: torch.Tensor
    factor: torch.Tensor
    down: torch.Tensor


def experts(mlp: Mlp, inputs: torch.Tensor, shares: torch.Tensor, size: int, ridge: float, sweeps: int) -> list[Mlp]:
    """Cut *mlp* to *size* neurons once an expert, so that experts mixed by *shares* [tokens, experts] say what it said.

    Each expert keeps the neurons that matter most to its tokens; then every `down` is refitted in turn to what the
    other experts leave to be said, *sweeps* times over. *ridge* (a fraction of the neurons' mean energy) holds the
    refit to the old weights where data is thin.
    """
    activations = mlp.activations(inputs)
    outputs = activations @ mlp.down.T
    # Errors count relative to a token's own output, bounded: the few enormous first tokens would drown all others,
    # and tokens to which the layer says next to nothing would be fitted to noise.
    loudness = outputs.square().sum(dim=1, keepdim=True)
    token = (loudness + loudness.median()).rsqrt()
    fits = [_fit(mlp, activations, token * share[:, None], size, ridge) for share in shares.unbind(dim=1)]
    _sweep(fits, token * outputs, sweeps)
    return [Mlp(gate=mlp.gate[fit.kept], up=mlp.up[fit.kept], down=fit.down) for fit in fits]


def _fit(mlp: Mlp, activations: torch.Tensor, share: torch.Tensor, size: int, ridge: float) -> _Fit:
    routed = share[:, 0] > 0
    seen = activations[routed] * share[routed]
    energy = seen.square().sum(dim=0) * mlp.down.square().sum(dim=0)
    kept = energy.topk(size).indices.sort().values
    seen = seen[:, kept]
    gram = seen.T @ seen
    gram.diagonal().add_(ridge * gram.diagonal().mean())
    return _Fit(kept=kept, routed=routed, seen=seen, factor=torch.linalg.cholesky(gram), down=mlp.down[:, kept].clone())


def _sweep(fits: Sequence[_Fit], wanted: torch.Tensor, sweeps: int) -> None:
    left = wanted.clone()
    for fit in fits:
        left[fit.routed] -= fit.seen @ fit.down.T
    for _ in range(sweeps):
        for fit in fits:
            repair = torch.cholesky_solve(fit.seen.T @ left[fit.routed], fit.factor).T
            fit.down += repair
            left[fit.routed] -= fit.seen @ repair.T
