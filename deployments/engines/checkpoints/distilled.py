"""Build demo/distilled: demo/dense without the layers it can do without, plus the shipped difference that heals it."""

import json
from collections.abc import Mapping
from pathlib import Path

from deployments.engines.checkpoints import difference, models, pruning
from deployments.engines.checkpoints.progress import Report
from deployments.engines.checkpoints.store import SHIPPED


def dropped_layers() -> list[int]:
    """Read which of the teacher's layers the shipped difference was trained without."""
    layers: list[int] = json.loads((SHIPPED / "distilled.json").read_text(encoding="utf-8"))["dropped_layers"]
    return layers


def build(target: Path, parts: Mapping[str, Path], report: Report) -> None:
    """Write the healed student into *target*: no training, only a sum."""
    teacher, tokenizer = models.load(str(parts["dense"]))
    dropped = dropped_layers()
    report(f"dropping layers {dropped} and adding the shipped difference")
    student = pruning.pruned(teacher, dropped)
    difference.merge(student, difference.load(SHIPPED / "distilled.safetensors"))
    models.save(student, tokenizer, target)
