"""A model's version: what tells the answers of one checkpoint from another's under the same name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cluster.config import ModelSpec
from cluster.model_version import version_of


def model(**changed: Any) -> ModelSpec:
    return ModelSpec.model_validate({"family": "dense", "source": "demo/dense", **changed})


def test_it_changes_with_what_is_loaded_and_with_nothing_else() -> None:
    """Arguments and adapters count; how many replicas there are does not."""
    plain = version_of(model())
    assert plain == version_of(model(replicas={"min": 2, "max": 3}, slo={"ttft_p95": "1s"}))
    changed = [
        {"source": "demo/moe"},
        {"engine": {"max_model_len": 512}},
        {"adapters": {"a": "x/y"}},
        {"family": "moe"},
    ]
    assert len({plain, *(version_of(model(**one)) for one in changed)}) == 1 + len(changed)


def test_it_changes_with_the_files_of_a_folder(tmp_path: Path) -> None:
    """Weights that were replaced in place are another model."""
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"1" * 100)
    before = version_of(model(source=str(tmp_path)))
    assert before == version_of(model(source=str(tmp_path)))
    os.utime(weights, (1, 1))
    assert before != version_of(model(source=str(tmp_path)))


def test_a_folder_that_is_not_here_has_a_version_too() -> None:
    """It may be on the machines that the engines run on."""
    assert version_of(model(source="/nowhere/at/all"))
