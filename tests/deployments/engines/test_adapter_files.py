"""What counts as an adapter on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployments.engines.adapter_files import CONFIG, WEIGHTS, copy, fault, rank
from tests.deployments.adapter_folder import adapter_folder


def test_a_peft_folder_is_an_adapter(tmp_path: Path) -> None:
    """Its rank is the largest that any module has."""
    folder = Path(adapter_folder(tmp_path / "a", rank=16))
    assert fault(folder) is None
    assert rank(folder) == 16
    (folder / CONFIG).write_text(json.dumps({"r": 8, "rank_pattern": {"q_proj": 64}}))
    assert rank(folder) == 64


def test_weights_that_could_run_code_are_no_adapter(tmp_path: Path) -> None:
    """A pickle is not taken for the missing safetensors file, and is never copied."""
    folder = Path(adapter_folder(tmp_path / "a"))
    (folder / "adapter_model.bin").write_bytes(b"\x80")
    into = tmp_path / "into"
    into.mkdir()
    copy(folder, into)
    assert sorted(file.name for file in into.iterdir()) == [CONFIG, WEIGHTS]
    (folder / WEIGHTS).unlink()
    assert WEIGHTS in str(fault(folder))


@pytest.mark.parametrize(
    "config", ["", "[]", "{", '{"r": "8"}', '{"r": true}', '{"r": 0}', '{"r": 8, "rank_pattern": 5}']
)
def test_a_configuration_that_says_no_rank_is_told(tmp_path: Path, config: str) -> None:
    """Before an engine is asked to load it."""
    folder = Path(adapter_folder(tmp_path / "a"))
    (folder / CONFIG).write_text(config)
    assert CONFIG in str(fault(folder))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With no more words than that."""
    assert fault(tmp_path / "nowhere") == "is no folder on this machine"
