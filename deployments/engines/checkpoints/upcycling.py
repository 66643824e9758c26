"""One dense MLP into smaller experts that make it up together: each keeps the neurons that its own tokens need most."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

CHUNK = 2048  # tokens summed in bfloat16 before the sum goes on in float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Mlp:
    """A gated MLP: gate and up [neurons, width], down [width, neurons]."""

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
    refit to the old weights where data is thin. The products run in the type of *inputs*: bfloat16 is four times as
    fast as float32 on a CPU that has it, and what it rounds away is far below the ridge. `down` returns in float32.
    """
    activations = mlp.activations(inputs)
    outputs = (activations @ mlp.down.T).float()
    # Errors count relative to a token's own output, bounded: the few enormous first tokens would drown all others,
    # and tokens to which the layer says next to nothing would be fitted to noise.
    loudness = outputs.square().sum(dim=1, keepdim=True)
    token = (loudness + loudness.median()).rsqrt()
    fits = [_fit(mlp, activations, token * share[:, None], size, ridge) for share in shares.unbind(dim=1)]
    _sweep(fits, token * outputs, sweeps)
    return [Mlp(gate=mlp.gate[fit.kept], up=mlp.up[fit.kept], down=fit.down) for fit in fits]


def _fit(mlp: Mlp, activations: torch.Tensor, share: torch.Tensor, size: int, ridge: float) -> _Fit:
    routed = share[:, 0] > 0
    seen = activations[routed] * share[routed].to(activations.dtype)
    energy = seen.float().square().sum(dim=0) * mlp.down.float().square().sum(dim=0)
    kept = energy.topk(size).indices.sort().values
    seen = seen[:, kept]
    gram = _crossed(seen, seen)
    gram.diagonal().add_(ridge * gram.diagonal().mean())
    return _Fit(kept=kept, routed=routed, seen=seen, factor=torch.linalg.cholesky(gram), down=mlp.down[:, kept].float())


def _sweep(fits: Sequence[_Fit], wanted: torch.Tensor, sweeps: int) -> None:
    left = wanted.clone()
    for fit in fits:
        left[fit.routed] -= _said(fit, fit.down)
    for _ in range(sweeps):
        for fit in fits:
            repair = torch.cholesky_solve(_crossed(fit.seen, left[fit.routed].to(fit.seen.dtype)), fit.factor).T
            fit.down += repair
            left[fit.routed] -= _said(fit, repair)


def _said(fit: _Fit, down: torch.Tensor) -> torch.Tensor:
    return (fit.seen @ down.T.to(fit.seen.dtype)).float()


def _crossed(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    pairs = zip(left.split(CHUNK), right.split(CHUNK), strict=True)
    return torch.stack([(mine.T @ yours).float() for mine, yours in pairs]).sum(dim=0)
