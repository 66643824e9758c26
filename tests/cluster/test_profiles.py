"""Profiles that a document names: read beside the document, checked, and told to the controller."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscale.capacity.profile import EngineLimits, EngineProfile
from autoscale.capacity.profile_file import write_profile
from autoscale.capacity.step_model import StepModel
from cluster.changes import changes
from cluster.plan import Plan
from cluster.resolve import resolve, resolve_file
from tests.cluster.builders import LAPTOP, document, look, machine, model

STEP = StepModel(base_s=0.02, prefill_token_s=1e-4, prefill_context_s=0, sequence_s=2e-4, kv_token_s=0)


def profile(hardware: str = "cpu") -> EngineProfile:
    return EngineProfile(model="dense", hardware=hardware, step=STEP, limits=EngineLimits(slots=16))


def resolved(folder: Path, *, nodes=LAPTOP, **fields) -> Plan:
    plan = resolve(document(models={"dense": model(**fields)}), nodes, look=look, folder=folder)
    assert isinstance(plan, Plan), [str(problem) for problem in plan]
    return plan


def test_a_profile_is_read_beside_the_document(tmp_path: Path) -> None:
    """A relative path starts at the document's folder, wherever the command runs."""
    write_profile(tmp_path / "dense.yaml", profile(), source="")
    (tmp_path / "tercet.yaml").write_text(
        "models: {dense: {family: dense, source: demo/dense, profile: dense.yaml}, "
        "plain: {family: dense, source: demo/dense}}\n"
        "default: dense\n"
    )
    plan = resolve_file(tmp_path / "tercet.yaml", LAPTOP)
    assert isinstance(plan, Plan), plan
    assert [pool.profile for pool in plan.pools] == [profile(), None]
    assert not any("was measured on" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), ("model: a", "hardware: Field required"), ("a: [", "is not YAML")]
)
def test_a_profile_that_cannot_be_read_is_a_problem(tmp_path: Path, content: str | None, said: str) -> None:
    """With the pool, the file and the field."""
    if content is not None:
        (tmp_path / "dense.yaml").write_text(content)
    found = resolve(document(models={"dense": model(profile="dense.yaml")}), LAPTOP, look=look, folder=tmp_path)
    assert isinstance(found, list)
    assert len(found) == 1
    assert str(found[0]).startswith(f"models.dense.profile: {tmp_path / 'dense.yaml'}: ")
    assert said in str(found[0])


@pytest.mark.parametrize(
    ("hardware", "nodes", "warned"),
    [("H100", LAPTOP, True), ("cpu", (machine(),), True), ("H100", (machine(),), False), ("cpu", LAPTOP, False)],
)
def test_a_profile_of_other_hardware_is_noted(tmp_path: Path, hardware: str, nodes, warned: bool) -> None:
    """It stops nothing, and it says what to do."""
    write_profile(tmp_path / "dense.yaml", profile(hardware), source="")
    notes = [note for note in resolved(tmp_path, nodes=nodes, profile="dense.yaml").notes if "was measured on" in note]
    assert bool(notes) is warned
    assert all(note.startswith("models.dense.profile: ") and "tercet profile" in note for note in notes)


def test_another_profile_restarts_nothing(tmp_path: Path) -> None:
    """It is for the controller alone."""
    write_profile(tmp_path / "dense.yaml", profile(), source="")
    found = changes(resolved(tmp_path), resolved(tmp_path, profile="dense.yaml"))
    assert [change.restarts for change in found] == [False]
    assert found[0].what.startswith("models.dense.profile: ")
