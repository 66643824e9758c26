"""Pools against transformers in float32, through the gateway; the dense model with a draft is among the variants."""

from __future__ import annotations

import pytest

from tests.e2e.reference import assert_float32_equal
from tests.e2e.trio import PROMPTS, greedy_tokens
from tests.serving import Serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


@pytest.mark.parametrize("pool", ["moe", "distilled"])
def test_greedy_text_is_the_reference_models(variants: Serving, pool: str) -> None:
    """Identical, or first different where transformers' top two logits are within 1e-3."""
    assert_float32_equal(f"demo/{pool}", PROMPTS, greedy_tokens(variants.url, pool))
