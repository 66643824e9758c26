"""A gate without a bias that finds clusters and uses its experts evenly."""

import pytest
import torch

from deployments.engines.checkpoints.routing import clusters, constant, gate, weights

pytestmark = pytest.mark.torch


def grouped(seed: int = 0, each: int = 200, width: int = 24) -> torch.Tensor:
    """Four groups of normed points around directions of their own, all off centre alike: [tokens, width]."""
    generator = torch.Generator().manual_seed(seed)
    centres = 3 * torch.randn(4, width, generator=generator)
    points = torch.cat([centre + 0.5 * torch.randn(each, width, generator=generator) for centre in centres]) + 2
    return torch.nn.functional.normalize(points, dim=-1) * width**0.5


def test_weights_are_mixtrals() -> None:
    """Two experts a token, their weights sum to one and keep the softmax's ratio."""
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    shares = weights(logits, 2)
    assert shares[0, 2:].tolist() == [0, 0]
    torch.testing.assert_close(shares.sum(), torch.tensor(1.0))
    torch.testing.assert_close(shares[0, 0] / shares[0, 1], torch.tensor(1.0).exp())


def test_clusters_find_the_groups() -> None:
    """Points of one group share a nearest centre, and each group has its own."""
    points = torch.nn.functional.normalize(grouped() - grouped().mean(0), dim=-1)
    nearest = (points @ clusters(points, 4, seed=0).T).argmax(dim=1).view(4, 200)
    assert [len(group.unique()) for group in nearest] == [1, 1, 1, 1]
    assert len(nearest[:, 0].unique()) == 4


def test_the_gate_is_linear_and_still_tells_groups_apart() -> None:
    """The first choice is the same within a group and another in each group, with no bias to help."""
    points = grouped()
    first = (points @ gate(points, 4, 2, 1.0, seed=0).T).argmax(dim=1).view(4, 200)
    assert len({int(group.mode().values) for group in first}) == 4
    assert min(float((group == group.mode().values).float().mean()) for group in first) > 0.9


def test_experts_are_used_about_evenly_even_when_groups_are_not() -> None:
    """One group ten times the others: no expert is idle and none takes nearly all."""
    points = torch.cat([grouped(each=300), grouped(seed=0, each=900)[:900]])
    use = weights(points @ gate(points, 4, 2, 1.0, seed=0).T, 2).gt(0).float().mean(dim=0) / 2
    assert float(use.min()) > 0.1
    assert float(use.max()) < 0.45


def test_the_constant_direction_measures_one() -> None:
    """Every input has about the same length along it, so an offset can ride there."""
    points = grouped()
    assert float((points @ constant(points) - 1).abs().mean()) < 0.1


def test_the_same_seed_gives_the_same_gate() -> None:
    """Calibration is deterministic."""
    assert torch.equal(gate(grouped(), 4, 2, 1.0, seed=5), gate(grouped(), 4, 2, 1.0, seed=5))
