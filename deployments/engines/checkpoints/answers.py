"""A teacher's own answers to prompts: the text that a student is healed on and measured by."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from deployments.engines.checkpoints.progress import Report

BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One chat as token ids: the rendered prompt and what the teacher said to it, end of turn included."""

    prompt: list[int]
    answer: list[int]


def rendered(tokenizer: Any, prompts: Sequence[str]) -> list[list[int]]:
    """Tokenise each prompt as one user turn of the chat template, or bare when there is no template."""
    if not tokenizer.chat_template:
        return [list(tokenizer(prompt)["input_ids"]) for prompt in prompts]
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    texts = [tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False) for chat in chats]
    return [list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]


def generate(
    model: Any, tokenizer: Any, prompts: Sequence[list[int]], *, temperature: float, max_tokens: int
) -> list[list[int]]:
    """Answer one batch of prompts, greedily when *temperature* is 0, cut after the end of turn."""
    width = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[tokenizer.eos_token_id] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 50} if temperature else {"do_sample": False}
    out = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=max_tokens, pad_token_id=tokenizer.eos_token_id, **sampling
    )
    return [_cut(row, tokenizer.eos_token_id) for row in out[:, width:].tolist()]


def sample(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    temperatures: Sequence[float],
    max_tokens: int,
    report: Report,
) -> list[Answered]:
    """Let the model answer every prompt once at each temperature; torch's global seed decides the draws."""
    ids = rendered(tokenizer, prompts)
    answered: list[Answered] = []
    for temperature in temperatures:
        for batch in _batches(ids):
            answers = generate(model, tokenizer, batch, temperature=temperature, max_tokens=max_tokens)
            answered += [Answered(prompt=p, answer=a) for p, a in zip(batch, answers, strict=True)]
            report(f"sampled {len(answered)} of {len(ids) * len(temperatures)} answers")
    return answered


def save(path: Path, answered: Sequence[Answered]) -> None:
    """Write answers as JSON lines; the file appears whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text("".join(json.dumps(asdict(chat)) + "\n" for chat in answered), encoding="utf-8")
    draft.replace(path)


def load(path: Path) -> list[Answered]:
    """Read what `save` wrote."""
    return [Answered(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _batches(ids: Sequence[list[int]]) -> Iterator[list[list[int]]]:
    return (list(ids[start : start + BATCH]) for start in range(0, len(ids), BATCH))


def _cut(row: list[int], end: int) -> list[int]:
    return row[: row.index(end) + 1] if end in row else row
