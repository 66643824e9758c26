"""Variants of one model beside it: quantised, and with a draft model that guesses ahead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.reference import assert_float32_equal
from tests.e2e.trio import PROMPTS, READY_WITHIN_S
from tests.serving import Serving, chat, serving, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

SMALL = {"kv_cache_memory_bytes": 2**29, "max_model_len": 2048}
GUESSED = 3
CONFIG: dict[str, Any] = {
    "models": {
        "dense-int8": {"family": "dense", "source": "demo/dense-int8", "engine": SMALL},
        "drafted": {
            "family": "dense",
            "source": "demo/dense",
            "engine": {
                **SMALL,
                "dtype": "float32",
                "speculative_config": {"model": "demo/distilled", "num_speculative_tokens": GUESSED},
            },
        },
    },
    "default": "dense-int8",
}


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(CONFIG, tmp_path_factory.mktemp("variants"), ready_within_s=READY_WITHIN_S) as one:
        yield one


def test_the_quantised_model_answers_as_its_original(variants: Serving) -> None:
    """With the demo's first question, which the original answers so."""
    answer = chat(variants.url, "dense-int8", PROMPTS[0], max_tokens=16, temperature=0)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "The capital of France is Paris."


def test_a_draft_changes_no_answer(variants: Serving) -> None:
    """Every greedy token is the reference model's own, and some of them were guessed by the draft."""
    answers = []
    for prompt in PROMPTS:
        answer = chat(variants.url, "drafted", prompt, max_tokens=24, temperature=0, return_token_ids=True)
        assert answer.status_code == 200, answer.text
        answers.append(answer.json()["choices"][0]["token_ids"])
    assert_float32_equal("demo/dense", PROMPTS, answers)
    totals = until(lambda: drafted(variants), within_s=30, what="the draft's totals are reported")
    assert 0 < totals["accepted"] < totals["drafted"]


def drafted(variants: Serving) -> dict[str, int] | None:
    [replica] = variants.status()["pools"]["drafted"]["replicas"]
    totals: dict[str, int] | None = replica["totals"]
    return totals if totals and totals["drafted"] else None
