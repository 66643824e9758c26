"""A draft model is found among an engine's arguments, and loaded from where its source leads."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.engines.drafts import all_local, draft_source, with_draft
from deployments.engines.launch import build_engine
from deployments.errors import EngineFailed

DRAFTED = {"max_num_seqs": 4, "speculative_config": {"model": "demo/distilled", "num_speculative_tokens": 3}}


@pytest.mark.parametrize(
    "speculation",
    [
        None,
        {"method": "ngram", "num_speculative_tokens": 3},
        {"method": "ngram", "model": "ngram"},
        {"model": "ngram", "num_speculative_tokens": 3},
        {"method": "mtp"},
    ],
)
def test_not_every_speculation_has_a_model_of_its_own(speculation: dict[str, object] | None) -> None:
    """Guessing from the text takes none, and some models bring their own head."""
    assert draft_source({"speculative_config": speculation}) is None


def test_the_place_of_a_source_takes_its_checkpoint() -> None:
    """Nothing else changes, and the pool's own arguments stay as they were."""
    placed = with_draft(DRAFTED, "/models/draft")
    assert draft_source(placed) == "/models/draft"
    assert placed == {
        "max_num_seqs": 4,
        "speculative_config": {"model": "/models/draft", "num_speculative_tokens": 3},
    }
    assert draft_source(DRAFTED) == "demo/distilled"


def test_a_hub_is_asked_for_either_model() -> None:
    """An engine is offline only where both models are on the machine."""
    assert all_local("/models/target", with_draft(DRAFTED, "/models/draft"))
    assert not all_local("/models/target", with_draft(DRAFTED, "org/draft"))
    assert not all_local("org/target", with_draft(DRAFTED, "/models/draft"))
    assert all_local("/models/target", {})


async def test_a_draft_that_cannot_be_had_fails_the_launch(tmp_path: Path) -> None:
    """In the sentence that the pool's own source would get."""
    (tmp_path / "config.json").write_text("{}")
    arguments = {"speculative_config": {"model": "/nowhere/at/all", "num_speculative_tokens": 3}}
    spec = {"name": "m", "family": "dense", "source": str(tmp_path), "runtime": "vllm", "engine": arguments}
    with pytest.raises(EngineFailed, match="/nowhere/at/all"):
        await build_engine(spec, "m#1", lambda _: None)
