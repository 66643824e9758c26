"""``tercet quantize``: write a model in fewer bits, in a process of its own because the command line loads no torch."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deployments.engines.checkpoints.schemes import SCHEMES
from deployments.engines.checkpoints.store import cache_directory

SchemeName = StrEnum("SchemeName", list(SCHEMES))  # type: ignore[misc]  # typer offers an enum's members as choices
_SAID = "; ".join(
    f"{name}: {scheme.says}{' (needs a GPU)' if scheme.lacking else ''}" for name, scheme in SCHEMES.items()
)


def quantize(
    source: Annotated[str, typer.Argument(help="The model: a directory, demo/NAME or a Hugging Face id.")],
    scheme: Annotated[SchemeName, typer.Option(help=f"{_SAID}.")],
    out: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Where it goes, by default the cache; serve it with `source: OUT`."),
    ] = None,
    speed: Annotated[bool, typer.Option(help="Serve both models for a minute and measure tokens a second.")] = True,
) -> None:
    """Write a model in fewer bits, and measure its size, its distance from the original, and the speed of both."""
    target = out or cache_directory() / "quantized" / f"{_slug(source)}-{scheme.value}"
    command = [sys.executable, "-m", "deployments.engines.checkpoints", "quantize", source]
    command += [f"--scheme={scheme.value}", f"--out={target}", "--speed" if speed else "--no-speed"]
    raise typer.Exit(_run(command))


def _slug(source: str) -> str:
    """Name a folder after the model's last name: ``dense`` for ``demo/dense``."""
    return Path(source).expanduser().name or "model"


def _run(command: list[str]) -> int:
    with subprocess.Popen(command) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.terminate()
            return 130
