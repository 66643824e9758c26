"""Build a quantised variant of a demo, such as demo/dense-int8: minutes at most, no training."""

from collections.abc import Mapping
from pathlib import Path

import torch

from deployments.engines.checkpoints import models, quantization
from deployments.engines.checkpoints.chosen_text import chosen
from deployments.engines.checkpoints.progress import Report
from deployments.engines.checkpoints.schemes import SCHEMES
from deployments.engines.checkpoints.store import DEMO


def build(target: Path, parts: Mapping[str, Path], report: Report, *, scheme: str) -> None:
    """Write the one model in *parts* into *target* by *scheme*."""
    [original] = parts.values()
    model, tokenizer = models.load(str(original))
    report(f"quantising: {SCHEMES[scheme].says}")
    with torch.no_grad():
        text = chosen(model, tokenizer, DEMO, report)
        quantization.apply(model, SCHEMES[scheme], text.calibration, report)
    quantization.write(model, tokenizer, target)
