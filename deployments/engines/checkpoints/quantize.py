"""Write a model in fewer bits, read it back, and say what that cost and what it brought."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from deployments.engines.ahead import installed_for
from deployments.engines.checkpoints import divergence, models, quantization, served_speed
from deployments.engines.checkpoints.chosen_text import chosen
from deployments.engines.checkpoints.progress import CheckpointError, Report
from deployments.engines.checkpoints.schemes import SCHEMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What `tercet quantize` was asked for."""

    name: str  # the model as the user calls it
    source: str  # what to load for it: a directory or a Hugging Face id
    scheme: str
    out: Path
    speed: bool = True


@torch.no_grad()
def quantize(order: Order, report: Report) -> dict[str, Any]:
    """Write a quantised model that can be served into `order.out`, and return what was measured."""
    _check(order)
    model, tokenizer = models.load(order.source)
    text = chosen(model, tokenizer, order.name, report)
    rows = text.held_out
    targets, head = divergence.states(model, rows), divergence.head(model).clone()
    report(f"quantising: {SCHEMES[order.scheme].says}")
    quantization.apply(model, SCHEMES[order.scheme], text.calibration, report)
    quantization.write(model, tokenizer, order.out)
    report("reading back what was written, and measuring how far it is from the original")
    distance = divergence.distance(quantization.read(order.out), targets, head, rows)
    return {
        "source": order.name,
        "scheme": order.scheme,
        "out": str(order.out),
        "megabytes": {"original": _megabytes(order.source), "quantised": _megabytes(str(order.out))},
        "kl_nats_per_token": round(distance, 4),
        "measured_on_tokens": int(rows.counted.sum()),
        "served": _served(order, report),
    }


def _check(order: Order) -> None:
    try:
        order.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"--out {order.out} cannot be written: {error}") from error
    if Path(order.source).is_dir() and order.out.resolve() == Path(order.source).resolve():
        raise CheckpointError(f"--out {order.out} is the model itself; choose another directory")


def _served(order: Order, report: Report) -> dict[str, Any] | str:
    """Return both models' speed as vLLM serves them, or why there is none."""
    lacking = SCHEMES[order.scheme].lacking
    if lacking and installed_for() == "cpu":
        return f"not run: {order.scheme} needs {lacking}, and the vLLM installed here is the one for CPUs"
    if not order.speed:
        return "not measured"
    report("serving original and quantised model side by side")
    return served_speed.measured({"original": order.source, "quantised": str(order.out)})


def _megabytes(path: str) -> float | None:
    folder = Path(path)
    return round(sum(file.stat().st_size for file in folder.iterdir()) / 1e6, 1) if folder.is_dir() else None
