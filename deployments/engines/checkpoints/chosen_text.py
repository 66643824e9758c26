"""The text on which a quantised model is fitted, and the text on which it is measured."""

from dataclasses import dataclass
from typing import Any

import torch

from deployments.engines.checkpoints import answers, packing, prompts
from deployments.engines.checkpoints.packing import Rows
from deployments.engines.checkpoints.progress import Report
from deployments.engines.checkpoints.store import DEMO, SHIPPED

LENGTH = 512  # tokens a packed row
CALIBRATED_ROWS = 16
PROMPTS, MAX_ANSWER, TEMPERATURE, SEED = 96, 96, 0.8, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Chats to fit on, and others to measure on."""

    calibration: Rows
    held_out: Rows


def chosen(model: Any, tokenizer: Any, name: str, report: Report) -> Text:
    """Return the shipped chats for a demo; any other model first answers prompts of ours, half of them to fit on."""
    if name.startswith(DEMO):
        fitted, measured = (answers.load(SHIPPED / file) for file in ("calibration.jsonl", "held_out.jsonl"))
    else:
        torch.manual_seed(SEED)
        asked = prompts.written(SEED)[:PROMPTS]
        said = answers.sample(
            model, tokenizer, asked, temperatures=(TEMPERATURE,), max_tokens=MAX_ANSWER, report=report
        )
        fitted, measured = said[: PROMPTS // 2], said[PROMPTS // 2 :]
    padding = tokenizer.eos_token_id
    return Text(
        calibration=packing.pack(fitted, length=LENGTH, padding=padding).take(slice(CALIBRATED_ROWS)),
        held_out=packing.pack(measured, length=LENGTH, padding=padding),
    )
