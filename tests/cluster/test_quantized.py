"""A checkpoint quantised for GPUs is pointed out where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.plan import Plan
from cluster.resolve import resolve
from tests.cluster.builders import LAPTOP, document, machine, model


def notes(folder: Path, config: object, *, gpus: int = 0) -> str:
    (folder / "config.json").write_text(json.dumps(config))
    plan = resolve(document(models={"a": model(source=str(folder))}), (machine(gpus=1),) if gpus else LAPTOP)
    assert isinstance(plan, Plan)
    return "\n".join(plan.notes)


def weights(kind: str) -> dict[str, object]:
    return {"quantization_config": {"config_groups": {"group_0": {"weights": {"type": kind}}}}}


@pytest.mark.parametrize("config", [weights("float"), {"quantization_config": {"quant_method": "fp8"}}])
def test_floating_point_on_a_cpu_is_pointed_out(config: object, tmp_path: Path) -> None:
    """With the model's place in the document and a scheme that does run; on a GPU nothing is said."""
    said = notes(tmp_path, config)
    assert said.startswith("models.a.source: ")
    assert "--scheme int8" in said
    assert "floating point" not in notes(tmp_path, config, gpus=1)


@pytest.mark.parametrize("config", [weights("int"), {}, {"quantization_config": None}, {"quantization_config": []}, []])
def test_anything_else_passes(config: object, tmp_path: Path) -> None:
    """Whole numbers run, and what cannot be read is for the engine to judge."""
    assert "floating point" not in notes(tmp_path, config)
