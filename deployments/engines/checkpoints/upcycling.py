"""One dense MLP into smaller experts: each keeps the neurons that the tokens routed to it need most."""

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


def expert(mlp: Mlp, activations: torch.Tensor, outputs: torch.Tensor, share: torch.Tensor, size: int, ridge: float) -> Mlp:
    """Cut *mlp* to the *size* neurons that matter most to the tokens weighted by *share* [tokens], and refit `down`.

    *activations* and *outputs* are the dense layer's. Refitting lets the neurons that stay make up for
    those that went; *ridge* (a fraction of the activations' mean energy) holds it to the old weights where data is thin.
    """
    token = _token_weights(outputs, share)
    energy = (token[:, None] * activations.square()).sum(dim=0) * mlp.down.square().sum(dim=0)
    kept = energy.topk(size).indices.sort().values
    routed = token > 0
    seen = activations[routed] * token[routed].sqrt()[:, None]
    lost = seen @ mlp.down.T - seen[:, kept] @ mlp.down[:, kept].T
    gram = seen[:, kept].T @ seen[:, kept]
    gram.diagonal().add_(ridge * gram.diagonal().mean())
    repair = torch.linalg.solve(gram, seen[:, kept].T @ lost).T
    return Mlp(gate=mlp.gate[kept], up=mlp.up[kept], down=mlp.down[:, kept] + repair)


def _token_weights(outputs: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    # Errors count relative to a token's own output, bounded: the few enormous first tokens would drown all others,
    # and tokens to which the layer says next to nothing would be fitted to noise.
    loudness = outputs.square().sum(dim=1)
    return share.square() / (loudness + loudness.median())
