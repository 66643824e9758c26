"""``tercet distill``: prune and heal a teacher, in a process of its own because the command line loads no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from deployments.engines.checkpoints.recipe import Recipe

USUAL = Recipe()


def distill(
    teacher: Annotated[
        str, typer.Argument(help="A Llama-architecture model: a directory, demo/NAME or a Hugging Face id.")
    ],
    drop_layers: Annotated[int, typer.Option(min=1, help="How many of the teacher's layers the student does without.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="Where the student goes; serve it with `source: OUT`.")],
    data: Annotated[
        Path | None, typer.Option(dir_okay=False, exists=True, help="Prompts of your own, one a line.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = USUAL.steps,
    batch: Annotated[int, typer.Option(min=1, help="Rows of 512 tokens a step.")] = USUAL.batch,
    rank: Annotated[int, typer.Option(min=1, help="Rank of the difference that heals.")] = USUAL.rank,
    learning_rate: Annotated[float, typer.Option(help="Peak learning rate.")] = USUAL.learning_rate,
    seed: Annotated[int, typer.Option(help="Decides prompts' order, sampling and training.")] = USUAL.seed,
) -> None:
    """Distil a teacher into a student with fewer layers, healed on the teacher's own answers, and measure both."""
    command = [sys.executable, "-m", "deployments.engines.checkpoints", "distill", teacher]
    given = {
        "drop-layers": drop_layers, "out": out, "data": data, "steps": steps,
        "batch": batch, "rank": rank, "learning-rate": learning_rate, "seed": seed,
    }  # fmt: skip
    command += [f"--{name}={value}" for name, value in given.items() if value is not None]
    raise typer.Exit(_run(command))


def _run(command: list[str]) -> int:
    with subprocess.Popen(command) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # The terminal interrupts the child as well; what it cached in the meantime is used by the next run.
            child.terminate()
            return 130
