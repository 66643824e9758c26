"""What transformers says about answers that an engine gave for the same checkpoint.

Both checks force the engine's own tokens on the reference model, so one forward pass a prompt says, for every position,
what the reference would have chosen after the very same prefix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.engines.checkpoints.store import cache_directory, ensure

TIE = 1e-3
HALF_A_LOGIT = 0.5
FEWEST_PROMPTS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """One emitted token beside the reference: logits of the emitted token, and of the two that it likes most."""

    prompt: str
    position: int
    emitted: int
    emitted_logit: float
    first: int
    first_logit: float
    second_logit: float

    def __str__(self) -> str:
        return (
            f"{self.prompt!r}, token {self.position}: emitted {self.emitted} at {self.emitted_logit:.4f}, "
            f"the reference prefers {self.first} at {self.first_logit:.4f} (its second: {self.second_logit:.4f})"
        )


def assert_float32_equal(checkpoint: str, prompts: Sequence[str], answers: Sequence[Sequence[int]]) -> None:
    """Assert that each greedy answer (token ids) is the reference's own, up to a tie within 1e-3 of a logit."""
    for steps in _compare(checkpoint, prompts, answers, "float32"):
        different = next((step for step in steps if step.emitted != step.first), None)
        assert different is None or different.first_logit - different.second_logit <= TIE, str(different)


def assert_bfloat16_close(checkpoint: str, prompts: Sequence[str], answers: Sequence[Sequence[int]]) -> None:
    """Assert that each emitted token is the reference's first choice or within half a logit of it."""
    for steps in _compare(checkpoint, prompts, answers, "bfloat16"):
        for step in steps:
            assert step.first_logit - step.emitted_logit <= HALF_A_LOGIT, str(step)


def _compare(
    checkpoint: str, prompts: Sequence[str], answers: Sequence[Sequence[int]], dtype: str
) -> Iterator[list[Step]]:
    assert len(prompts) >= FEWEST_PROMPTS, "too few prompts to mean anything"
    path = checkpoint if Path(checkpoint).is_absolute() else ensure(checkpoint, cache_directory(), lambda _: None)
    tokenizer, model = _load(path, dtype)
    for prompt, answer in zip(prompts, answers, strict=True):
        assert answer, f"{prompt!r} has no answer"
        yield list(_steps(tokenizer, model, prompt, answer))


def _load(path: str, dtype: str) -> tuple[Any, Any]:
    import torch  # noqa: PLC0415 - collecting the tests must not import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415

    model = AutoModelForCausalLM.from_pretrained(path, dtype=getattr(torch, dtype)).eval()
    return AutoTokenizer.from_pretrained(path), model


def _steps(tokenizer: Any, model: Any, prompt: str, answer: Sequence[int]) -> Iterator[Step]:
    import torch  # noqa: PLC0415

    chat = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    prefix = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = model(torch.tensor([[*prefix, *answer]])).logits[0, len(prefix) - 1 : -1].float()
    values, tokens = logits.topk(2)
    for position, emitted in enumerate(answer):
        yield Step(
            prompt,
            position,
            emitted,
            logits[position, emitted].item(),
            int(tokens[position, 0]),
            values[position, 0].item(),
            values[position, 1].item(),
        )
