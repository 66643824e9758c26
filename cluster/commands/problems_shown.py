"""A plan, or the end of the command with every problem printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import typer

from cluster.config import Config
from cluster.document import load
from cluster.machine import this_machine
from cluster.plan import Machine, Plan
from cluster.problems import Problem
from cluster.resolve import examine, in_order, resolve_file


def plan_or_exit(file: Path, *, nodes: Sequence[Machine], port: int | None = None) -> Plan:
    """Resolve *file* for *nodes*; *port* takes the place of gateway.port."""
    planned = resolve_file(file, nodes)
    if isinstance(planned, list):
        exit_with(planned, file)
    return planned if port is None else replace(planned, gateway=replace(planned.gateway, port=port))


def config_or_exit(file: Path) -> Config:
    """Read a sound document, for a command that asks for no machines."""
    document, found = load(file)
    if not document:
        exit_with(found, file)
    config, _, problems = examine(document, (this_machine(),), found=found, folder=file.parent)
    if config is None or problems:
        exit_with(in_order(problems, document), file)
    return config


def exit_with(problems: Sequence[Problem], file: Path) -> NoReturn:
    """Print *problems* on stderr, one a line, and exit 1."""
    for problem in problems:
        typer.echo(str(problem), err=True)
    count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
    typer.secho(f"{file}: {count}", err=True, fg=typer.colors.RED)
    raise typer.Exit(1)
