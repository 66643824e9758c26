"""Variants of one model: quantised, and with a draft model that guesses ahead."""

from __future__ import annotations

import pytest

from tests.e2e.reference import assert_float32_equal
from tests.e2e.trio import PROMPTS, greedy_tokens
from tests.serving import Serving, chat, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


def test_the_quantised_model_answers_as_its_original(variants: Serving) -> None:
    """With the demo's first question, which the original answers so."""
    answer = chat(variants.url, "dense-int8", PROMPTS[0], max_tokens=16, temperature=0)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"] == "The capital of France is Paris."


def test_a_draft_changes_no_answer(variants: Serving) -> None:
    """Every greedy token is the reference model's own, and some of them were guessed by the draft."""
    assert_float32_equal("demo/dense", PROMPTS, greedy_tokens(variants.url, "drafted"))
    totals = until(lambda: drafted(variants), within_s=30, what="the draft's totals are reported")
    assert 0 < totals["accepted"] < totals["drafted"]


def drafted(variants: Serving) -> dict[str, int] | None:
    [replica] = variants.status()["pools"]["drafted"]["replicas"]
    totals: dict[str, int] | None = replica["totals"]
    return totals if totals and totals["drafted"] else None
