"""Experts smaller than the MLP they come from, which make it up together where they are used."""

import pytest
import torch

from deployments.engines.checkpoints.upcycling import Mlp, experts

pytestmark = pytest.mark.torch


def mlp(neurons: int = 48, width: int = 16) -> Mlp:
    torch.manual_seed(0)
    return Mlp(gate=torch.randn(neurons, width), up=torch.randn(neurons, width), down=torch.randn(width, neurons) / 8)


def said(part: Mlp, inputs: torch.Tensor) -> torch.Tensor:
    return part.activations(inputs) @ part.down.T


def together(parts: list[Mlp], inputs: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    return sum(
        (share[:, None] * said(part, inputs) for part, share in zip(parts, shares.T, strict=True)),
        torch.zeros(1),
    )


def error(parts: list[Mlp], whole: Mlp, inputs: torch.Tensor, shares: torch.Tensor) -> float:
    return float((together(parts, inputs, shares) - said(whole, inputs)).square().mean())


def mixed(tokens: int, seed: int = 1) -> torch.Tensor:
    """Two of three experts a token, at weights that sum to one."""
    generator = torch.Generator().manual_seed(seed)
    shares = torch.rand(tokens, 3, generator=generator) + 0.1
    shares = shares.scatter(1, shares.argmin(dim=1, keepdim=True), 0.0)
    return shares / shares.sum(dim=1, keepdim=True)


def test_experts_of_full_size_are_the_mlp() -> None:
    """Nothing is lost, so nothing is repaired, however they are mixed."""
    whole, inputs, shares = mlp(), torch.randn(200, 16), mixed(200)
    parts = experts(whole, inputs, shares, 48, ridge=1e-2, sweeps=2)
    torch.testing.assert_close(together(parts, inputs, shares), said(whole, inputs), atol=1e-3, rtol=1e-3)


def test_neurons_nobody_uses_go_first() -> None:
    """Neurons that are silent on the routed tokens can all go without a trace there."""
    whole = mlp()
    whole.up[::2] = 0
    inputs, shares = torch.randn(200, 16), mixed(200)
    parts = experts(whole, inputs, shares, 24, ridge=1e-2, sweeps=1)
    torch.testing.assert_close(together(parts, inputs, shares), said(whole, inputs), atol=1e-3, rtol=1e-3)


def test_an_expert_is_better_on_its_own_tokens() -> None:
    """Two experts fitted to two kinds of token: exchanging them costs several times the error. Routing matters."""
    whole = mlp()
    inputs = torch.cat([torch.randn(1, 16) * 2 + 0.5 * torch.randn(300, 16) for _ in range(2)])
    shares = torch.zeros(600, 2)
    shares[:300, 0], shares[300:, 1] = 1, 1
    parts = experts(whole, inputs, shares, 24, ridge=1e-2, sweeps=1)
    assert error(parts, whole, inputs, shares) < 0.3 * error(parts, whole, inputs, shares.flip(1))


def test_each_sweep_leaves_less_unsaid() -> None:
    """Fitting experts to what the others leave never makes the whole worse, and the first time makes it better."""
    whole, inputs, shares = mlp(), torch.randn(600, 16), mixed(600)
    errors = [error(experts(whole, inputs, shares, 24, 1e-3, sweeps), whole, inputs, shares) for sweeps in (0, 1, 2, 4)]
    assert errors[1] < 0.9 * errors[0]
    assert errors == sorted(errors, reverse=True)
