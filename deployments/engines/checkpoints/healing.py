"""Heal a pruned student: train low-rank adapters until its next-token distributions are the teacher's again."""

import math
from collections.abc import Iterator
from random import Random
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model

from deployments.engines.checkpoints.difference import Difference, taken
from deployments.engines.checkpoints.divergence import head, hidden, kl
from deployments.engines.checkpoints.packing import Rows
from deployments.engines.checkpoints.progress import Report
from deployments.engines.checkpoints.recipe import Recipe


def heal(
    student: Any,
    rows: Rows,
    targets: torch.Tensor,
    teacher_head: torch.Tensor,
    recipe: Recipe,
    first: int,
    report: Report,
) -> Difference:
    """Train adapters on the layers from *first* on towards the teacher's states at the counted positions of *rows*."""
    torch.manual_seed(recipe.seed)
    model = _adapted(student, recipe.rank, first)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, betas=(0.9, 0.95), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, recipe.steps))
    goals = targets.split(rows.counted.sum(dim=1).tolist())
    student_head = head(model)
    model.train()
    smooth = 0.0
    for step, index in enumerate(_order(len(rows), recipe), start=1):
        with torch.autocast("cpu", torch.bfloat16):
            states = hidden(model, rows.take(index))
        loss = kl(states, torch.cat([goals[row] for row in index]), student_head, teacher_head)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        smooth = loss.item() if step == 1 else 0.9 * smooth + 0.1 * loss.item()
        report(f"step {step} of {recipe.steps}: training KL {smooth:.3f}")
    return taken(model)


def _adapted(student: Any, rank: int, first: int) -> Any:
    for weight in student.parameters():
        weight.requires_grad_(False)
    names = {id(module): name for name, module in student.named_modules() if isinstance(module, torch.nn.Linear)}
    adapted = [
        names[id(module)]
        for layer in student.base_model.layers[first:]
        for module in layer.modules()
        if id(module) in names
    ]
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=adapted)
    return inject_adapter_in_model(config, student)


def _rate(step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _order(rows: int, recipe: Recipe) -> Iterator[list[int]]:
    """Draw batches of distinct rows, a fresh shuffle each time the rows run out."""
    random = Random(recipe.seed)  # noqa: S311 - an order, not a secret
    waiting: list[int] = []
    for _ in range(recipe.steps):
        while len(waiting) < min(recipe.batch, rows):
            waiting += random.sample(range(rows), rows)
        yield waiting[: recipe.batch]
        waiting = waiting[recipe.batch :]
