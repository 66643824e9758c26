"""What is published about checkpoints: KL to the teacher, ten questions, decode speed; and what they were made with."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch

from deployments.engines.checkpoints import answers, divergence, models, speed
from deployments.engines.checkpoints.packing import Rows
from deployments.engines.checkpoints.progress import Report
from deployments.engines.checkpoints.questions import QUESTIONS, Questions, right


def compared(
    served: Mapping[str, Any], tokenizer: Any, rows: Rows, report: Report, questions: Questions = QUESTIONS
) -> dict[str, dict[str, Any]]:
    """Measure models by name against the first of them, the teacher, on held-out *rows* and by *questions*."""
    teacher = next(iter(served.values()))
    targets, teacher_head = divergence.states(teacher, rows), divergence.head(teacher)
    prompt = answers.rendered(tokenizer, [QUESTIONS[0][0]])[0]
    rates = speed.decode_rates(list(served.values()), prompt)
    table = {}
    for (name, model), rate in zip(served.items(), rates, strict=True):
        said = replies(model, tokenizer, questions)
        table[name] = {
            "layers": model.config.num_hidden_layers,
            "kl_nats_per_token": round(divergence.distance(model, targets, teacher_head, rows), 4),
            "right_answers": sum(right(said[question], words) for question, words in questions),
            "decode_tokens_per_s": rate,
            "answers": said,
        }
        report(f"{name}: " + ", ".join(f"{key} {value}" for key, value in table[name].items() if key != "answers"))
    return table


def replies(model: Any, tokenizer: Any, questions: Questions) -> dict[str, str]:
    """Ask the questions, greedily, one at a time as a lone client would."""
    return {question: reply(model, tokenizer, question) for question, _ in questions}


@torch.no_grad()
def reply(model: Any, tokenizer: Any, question: str) -> str:
    """Answer one question greedily."""
    prompts = answers.rendered(tokenizer, [question])
    said = answers.generate(model, tokenizer, prompts, temperature=0.0, max_tokens=40)[0]
    return str(tokenizer.decode(said, skip_special_tokens=True)).strip()


def libraries() -> dict[str, str]:
    """Name the versions that decide the numbers."""
    return {name: version(name) for name in ("torch", "transformers", "peft")} | {"threads": str(models.THREADS)}
