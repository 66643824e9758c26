"""The comparison with transformers notices what it is there to notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.reference import assert_bfloat16_close, assert_float32_equal
from tests.e2e.tiny_llama import tiny_llama

pytestmark = [pytest.mark.torch]

PROMPTS = [f"prompt {n}" for n in range(8)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_llama(tmp_path_factory.mktemp("tiny"))


def greedy(checkpoint: str) -> list[list[int]]:
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    model, tokenizer = AutoModelForCausalLM.from_pretrained(checkpoint), AutoTokenizer.from_pretrained(checkpoint)
    answers = []
    for prompt in PROMPTS:
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
        )
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        out = model.generate(torch.tensor([ids]), max_new_tokens=6, min_new_tokens=6, do_sample=False)
        answers.append(out[0, len(ids) :].tolist())
    return answers


def test_its_own_answers_pass(checkpoint: str) -> None:
    """What transformers generates greedily is what it says it would generate."""
    answers = greedy(checkpoint)
    assert_float32_equal(checkpoint, PROMPTS, answers)
    assert_bfloat16_close(checkpoint, PROMPTS, answers)


@pytest.mark.parametrize("check", [assert_float32_equal, assert_bfloat16_close])
def test_one_wrong_token_fails(checkpoint: str, check: object) -> None:
    """Also where it is the last of the last answer."""
    answers = greedy(checkpoint)
    answers[-1][-1] = (answers[-1][-1] + 7) % 200
    with pytest.raises(AssertionError, match="prompt 7"):
        check(checkpoint, PROMPTS, answers)  # type: ignore[operator]


@pytest.mark.parametrize("check", [assert_float32_equal, assert_bfloat16_close])
def test_nothing_is_not_right(checkpoint: str, check: object) -> None:
    """An empty answer and too few prompts fail instead of passing for lack of evidence."""
    with pytest.raises(AssertionError, match="no answer"):
        check(checkpoint, PROMPTS, [[]] * 8)  # type: ignore[operator]
    with pytest.raises(AssertionError, match="few"):
        check(checkpoint, PROMPTS[:7], [[1]] * 7)  # type: ignore[operator]


def test_the_checkpoint_is_where_it_was_put(checkpoint: str) -> None:
    """The tiny model is a plain checkpoint directory."""
    assert (Path(checkpoint) / "config.json").is_file()
