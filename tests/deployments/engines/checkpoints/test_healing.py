"""Healing brings a student closer, repeats to the byte, and its difference merges exactly."""

from pathlib import Path
from typing import Any

import pytest
import torch

from deployments.engines.checkpoints import difference, divergence
from deployments.engines.checkpoints.difference import Difference, Factors
from deployments.engines.checkpoints.healing import heal
from deployments.engines.checkpoints.packing import Rows, pack
from deployments.engines.checkpoints.pruning import pruned
from deployments.engines.checkpoints.recipe import Recipe
from tests.deployments.engines.checkpoints.tiny import chats, llama

pytestmark = pytest.mark.torch

RECIPE = Recipe(steps=30, batch=4, rank=4, learning_rate=1e-2, seed=3)


def healed(teacher: Any, rows: Rows, recipe: Recipe = RECIPE, first: int = 0) -> Difference:
    targets = divergence.states(teacher, rows)
    return heal(pruned(teacher, [2]), rows, targets, divergence.head(teacher), recipe, first, lambda line: None)


def test_a_healed_student_is_closer_on_text_it_never_saw() -> None:
    """KL on other chats falls once the difference is merged."""
    teacher, seen, unseen = (
        llama(),
        pack(chats(40), length=24, padding=1),
        pack(chats(20, seed=9), length=24, padding=1),
    )
    targets, head = divergence.states(teacher, unseen), divergence.head(teacher)
    student = pruned(teacher, [2])
    before = divergence.distance(student, targets, head, unseen)
    difference.merge(student, healed(teacher, seen))
    assert divergence.distance(student, targets, head, unseen) < 0.9 * before


def test_the_same_recipe_gives_the_same_bytes() -> None:
    """Seed, data and thread count decide the difference; another seed gives another."""
    teacher, rows = llama(), pack(chats(12), length=24, padding=1)
    one, two = healed(teacher, rows), healed(teacher, rows)
    assert all(torch.equal(one[name].up, two[name].up) and torch.equal(one[name].down, two[name].down) for name in one)
    other = healed(teacher, rows, Recipe(steps=30, batch=4, rank=4, learning_rate=1e-2, seed=4))
    assert any(not torch.equal(one[name].down, other[name].down) for name in one)


def test_layers_before_the_first_are_left_alone() -> None:
    """Adapters cover every linear module of the layers asked for, and none else."""
    learned = healed(llama(), pack(chats(8), length=24, padding=1), first=2)
    assert {name.split(".")[2] for name in learned} == {"2", "3"}
    assert len(learned) == 2 * 7


def test_merging_adds_the_product_and_rounds_once() -> None:
    """In bfloat16 the merged weight is the nearest to the exact sum, not to a sum of rounded parts."""
    model = llama().bfloat16()
    name = "model.layers.1.mlp.up_proj"
    before = model.get_submodule(name).weight.detach().clone()
    factors = Factors(up=torch.randn(64, 3).bfloat16(), down=torch.randn(3, 32).bfloat16())
    difference.merge(model, {name: factors})
    exact = before.float() + factors.up.float() @ factors.down.float()
    torch.testing.assert_close(model.get_submodule(name).weight, exact.bfloat16(), atol=0, rtol=0)


def test_a_difference_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    """Writing and reading change no bit, and the names stay those of the modules."""
    saved = {"a.b": Factors(up=torch.randn(4, 2).bfloat16(), down=torch.randn(2, 3).bfloat16())}
    difference.save(tmp_path / "d.safetensors", saved)
    read = difference.load(tmp_path / "d.safetensors")
    assert read.keys() == saved.keys()
    assert torch.equal(read["a.b"].up, saved["a.b"].up)
    assert torch.equal(read["a.b"].down, saved["a.b"].down)
