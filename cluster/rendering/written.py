"""Rendered files, printed or put into a folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import typer


def written(files: Mapping[str, str], into: Path | None) -> None:
    """Write *files*, by name, into the folder *into*, or print them; ends the program where it cannot be written."""
    if into is None:
        sys.stdout.write("".join(files.values()))
        return
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (into / name).write_text(text, encoding="utf-8")
    except OSError as error:
        sys.stderr.write(f"tercet render: {into}: {error.strerror}\n")
        raise typer.Exit(1) from None
    for name in files:
        sys.stdout.write(f"{into / name}\n")
