"""Each pool against transformers in float32, through the gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.reference import assert_float32_equal
from tests.e2e.trio import POOLS, PROMPTS, READY_WITHIN_S, laptop
from tests.serving import Serving, chat, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(laptop(dtype="float32"), tmp_path_factory.mktemp("float32"), ready_within_s=READY_WITHIN_S) as one:
        yield one


@pytest.mark.parametrize("pool", POOLS)
def test_greedy_text_is_the_reference_models(trio: Serving, pool: str) -> None:
    """Identical, or first different where transformers' top two logits are within 1e-3."""
    answers = []
    for prompt in PROMPTS:
        answer = chat(trio.url, pool, prompt, max_tokens=24, temperature=0, return_token_ids=True)
        assert answer.status_code == 200, answer.text
        answers.append(answer.json()["choices"][0]["token_ids"])
    assert_float32_equal(f"demo/{pool}", PROMPTS, answers)
