"""Loading a checkpoint as it will be served, and saving one so that every engine can read it."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from deployments.engines.checkpoints.progress import CheckpointError

THREADS = 2  # fixed: sums in another order round differently, and a figure could not be reproduced


def quieten() -> None:
    """Fix the thread count and keep transformers' progress bars out of ours."""
    torch.set_num_threads(THREADS)
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def load(source: str) -> tuple[Any, Any]:
    """Load a model (bfloat16) and its tokenizer from a directory or a Hugging Face id."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{source} cannot be loaded as a model: {str(error).splitlines()[0]}") from error
    return model.eval(), tokenizer


def save(model: Any, tokenizer: Any, target: Path) -> None:
    """Write model, tokenizer and chat template."""
    model.save_pretrained(str(target))
    tokenizer.save_pretrained(str(target))
    for file in target.iterdir():
        if file.is_file():
            file.chmod(0o644)  # safetensors makes files that only their owner can read
