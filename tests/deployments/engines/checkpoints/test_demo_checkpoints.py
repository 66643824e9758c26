"""The demo checkpoints keep the properties that the documentation publishes."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deployments.engines.checkpoints import models, publish
from deployments.engines.checkpoints.questions import QUESTIONS
from deployments.engines.checkpoints.store import SHIPPED, cache_directory, ensure

TRIO = ("dense", "moe", "distilled")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def parts() -> dict[str, Path]:
    models.quieten()
    return {name: Path(ensure(f"demo/{name}", cache_directory(), print)) for name in TRIO}


@pytest.fixture(scope="module")
def distilled(parts: dict[str, Path]) -> dict[str, Any]:
    return publish.measured(
        "distilled", {name: parts[name] for name in ("dense", "distilled")}, partial(print, flush=True)
    )


@pytest.fixture(scope="module")
def moe(parts: dict[str, Path]) -> dict[str, Any]:
    asked = QUESTIONS[:1]  # transformers' mixture is slow
    return publish.measured("moe", {name: parts[name] for name in ("dense", "moe")}, partial(print, flush=True), asked)


def test_the_shipped_difference_is_a_few_megabytes() -> None:
    """The repository carries no model, only what heals one."""
    assert (SHIPPED / "distilled.safetensors").stat().st_size <= 8_000_000


def test_building_again_is_no_work(parts: dict[str, Path]) -> None:
    """A checkpoint that is there is not touched."""
    before = {name: (path / "model.safetensors").stat().st_mtime_ns for name, path in parts.items()}
    for name in TRIO:
        ensure(f"demo/{name}", cache_directory(), print)
    assert before == {name: (path / "model.safetensors").stat().st_mtime_ns for name, path in parts.items()}


def test_the_student_has_a_fifth_fewer_layers(distilled: dict[str, Any]) -> None:
    """At least 20 % of the teacher's layers are gone."""
    assert distilled["distilled"]["layers"] <= 0.8 * distilled["dense"]["layers"]


def test_healing_brings_the_student_closer(distilled: dict[str, Any]) -> None:
    """The healed student is at most 0.6 times as far from the teacher as the pruned one, on held-out chats."""
    assert distilled["distilled"]["kl_nats_per_token"] < 0.6 * distilled["pruned"]["kl_nats_per_token"]


def test_the_student_knows_at_least_half_of_what_the_teacher_knows(distilled: dict[str, Any]) -> None:
    """Ten simple questions, greedy answers."""
    assert distilled["distilled"]["right_answers"] >= distilled["dense"]["right_answers"] / 2 > 0


def test_the_student_decodes_faster_than_the_teacher(distilled: dict[str, Any]) -> None:
    """Side by side on the same machine."""
    assert distilled["distilled"]["decode_tokens_per_s"] > distilled["dense"]["decode_tokens_per_s"]


@pytest.mark.parametrize("name", ["dense", "moe"])
def test_the_capital_of_france_is_paris(name: str, moe: dict[str, Any]) -> None:
    """Asked plainly, both say so."""
    assert "Paris" in moe[name]["answers"]["What is the capital of France?"]


def test_the_mixture_stays_close_to_the_dense_model(moe: dict[str, Any]) -> None:
    """KL to demo/dense on held-out chats, nats a token."""
    assert moe["moe"]["kl_nats_per_token"] < 0.25


def test_routing_matters(moe: dict[str, Any]) -> None:
    """A router that knows nothing more than doubles the distance; one that prefers the wrong experts does far worse."""
    kl = moe["moe"]["kl_nats_per_token"]
    assert moe["moe"]["kl_randomised_routing"] > 2 * kl
    assert moe["moe"]["kl_reversed_routing"] > 4 * kl


def test_every_expert_of_every_layer_is_used(moe: dict[str, Any]) -> None:
    """Of a layer's choices none of four experts gets under a tenth or over a half."""
    for use in moe["moe"]["expert_use_per_layer"]:
        assert min(use) > 0.1
        assert max(use) <= 0.5
