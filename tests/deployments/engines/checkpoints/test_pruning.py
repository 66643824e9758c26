"""Which layers go, and what is left when they have gone."""

import pytest
import torch

from deployments.engines.checkpoints.pruning import choose, pruned, without
from tests.deployments.engines.checkpoints.tiny import llama

pytestmark = pytest.mark.torch

COSTS = (9.0, 1.0, 4.0, 2.0, 8.0)


def test_the_cheapest_layers_go_first() -> None:
    """With costs that add up, greedy takes the smallest in turn and reports the running sum."""
    cuts = list(choose(5, 3, lambda gone: sum(COSTS[layer] for layer in gone)))
    assert [cut.layer for cut in cuts] == [1, 3, 2]
    assert [cut.kl for cut in cuts] == [1.0, 3.0, 7.0]


def test_a_layer_is_judged_with_those_already_gone() -> None:
    """The second choice minds the first: layers that stand in for each other do not both go."""

    def cost(gone: frozenset[int]) -> float:
        return sum(COSTS[layer] for layer in gone) + 100 * ({1, 3} <= gone)

    assert [cut.layer for cut in choose(5, 2, cost)] == [1, 2]


def test_pruning_is_skipping() -> None:
    """The student says what the teacher says when told to skip those layers, with and without a KV cache."""
    teacher = llama(layers=5)
    ids = torch.arange(2, 12)[None]
    student = pruned(teacher, [1, 3])
    with torch.no_grad(), without(teacher, frozenset({1, 3})) as skipping:
        torch.testing.assert_close(student(ids).logits, skipping(ids, use_cache=False).logits)
        cached = student(ids[:, :5], use_cache=True).past_key_values
        torch.testing.assert_close(
            student(ids[:, 5:], past_key_values=cached).logits, student(ids).logits[:, 5:], atol=1e-5, rtol=1e-4
        )
    assert student.config.num_hidden_layers == 3


def test_the_teacher_stays_whole() -> None:
    """Neither lending nor copying changes the teacher, even when the borrower fails."""
    teacher = llama(layers=5)
    ids = torch.arange(2, 12)[None]
    with torch.no_grad():
        before = teacher(ids).logits
        pruned(teacher, [0])
        with pytest.raises(RuntimeError), without(teacher, frozenset({2})):
            raise RuntimeError
        torch.testing.assert_close(teacher(ids).logits, before)
    assert teacher.config.num_hidden_layers == 5
