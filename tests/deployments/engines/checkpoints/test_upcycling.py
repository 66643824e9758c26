"""Experts smaller than the MLP they come from, and as good where they are used."""

import pytest
import torch

from deployments.engines.checkpoints.upcycling import Mlp, expert

pytestmark = pytest.mark.torch


def mlp(neurons: int = 48, width: int = 16) -> Mlp:
    torch.manual_seed(0)
    return Mlp(gate=torch.randn(neurons, width), up=torch.randn(neurons, width), down=torch.randn(width, neurons) / 8)


def outputs(small: Mlp, inputs: torch.Tensor) -> torch.Tensor:
    return small.activations(inputs) @ small.down.T


def cut(whole: Mlp, inputs: torch.Tensor, share: torch.Tensor, size: int, ridge: float = 1e-2) -> Mlp:
    return expert(whole, whole.activations(inputs), outputs(whole, inputs), share, size, ridge)


def test_an_expert_of_full_size_is_the_mlp() -> None:
    """Nothing is lost, so nothing is repaired."""
    whole, inputs = mlp(), torch.randn(200, 16)
    torch.testing.assert_close(outputs(cut(whole, inputs, torch.ones(200), 48), inputs), outputs(whole, inputs), atol=1e-3, rtol=1e-3)


def test_neurons_nobody_uses_go_first() -> None:
    """Neurons that are silent on the routed tokens can all go without a trace there."""
    whole = mlp()
    whole.up[::2] = 0
    inputs = torch.randn(200, 16)
    small = cut(whole, inputs, torch.ones(200), 24)
    torch.testing.assert_close(outputs(small, inputs), outputs(whole, inputs), atol=1e-3, rtol=1e-3)


def test_an_expert_is_better_on_its_own_tokens() -> None:
    """Two experts fitted to two kinds of token each beat the other at home: routing matters."""
    whole, kinds = mlp(), torch.randn(2, 1, 16) * 2
    tokens = kinds + 0.5 * torch.randn(2, 300, 16)
    both = tokens.reshape(-1, 16)
    shares = torch.zeros(2, 600)
    shares[0, :300], shares[1, 300:] = 1, 1
    experts = [cut(whole, both, share, 24) for share in shares]

    def error(who: int, where: int) -> float:
        return float((outputs(experts[who], tokens[where]) - outputs(whole, tokens[where])).square().mean())

    assert error(0, 0) < 0.5 * error(1, 0)
    assert error(1, 1) < 0.5 * error(0, 1)


def test_refitting_helps() -> None:
    """What stays makes up for what went: the refitted output is nearer than the merely cut one."""
    whole, inputs = mlp(), torch.randn(400, 16)
    refitted, cut_only = cut(whole, inputs, torch.ones(400), 24), cut(whole, inputs, torch.ones(400), 24, ridge=1e9)
    dense = outputs(whole, inputs)
    assert (outputs(refitted, inputs) - dense).square().mean() < (outputs(cut_only, inputs) - dense).square().mean()
