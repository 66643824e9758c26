"""``tercet check``: every problem of a file at once, or the plan it comes to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.changes import Change, changes
from cluster.commands.problems_shown import plan_or_exit
from cluster.machine import this_machine
from cluster.plan import Machine
from cluster.report import report
from deployments.engines.cpu_libraries import preloads


def check(
    file: Annotated[Path, typer.Argument(help="The Tercet document.")],
    against: Annotated[Path | None, typer.Option(help="Say what changes from this older document.")] = None,
    nodes: Annotated[int, typer.Option(min=1, help="Plan for so many machines.")] = 1,
    cpus: Annotated[int | None, typer.Option(min=1, help="CPUs of each machine; this one's if not given.")] = None,
    gpus: Annotated[int | None, typer.Option(min=0, help="GPUs of each machine.")] = None,
    memory: Annotated[float | None, typer.Option(min=0.1, help="Memory of each machine in GiB.")] = None,
) -> None:
    """Check a document and print the plan that it comes to."""
    machines = (_machine(cpus, gpus, memory),) * nodes
    plan = plan_or_exit(file, nodes=machines)
    for line in report(plan, machines, str(file), preloads()):
        typer.secho(line.text, bold=line.heading)
    if against is not None:
        for text in _differences(changes(plan_or_exit(against, nodes=machines), plan), against):
            typer.echo(text)


def _machine(cpus: int | None, gpus: int | None, memory: float | None) -> Machine:
    here = this_machine()
    return Machine(
        cpus=here.cpus if cpus is None else cpus,
        gpus=here.gpus if gpus is None else gpus,
        memory=here.memory if memory is None else int(memory * 2**30),
    )


def _differences(found: list[Change], against: Path) -> list[str]:
    if not found:
        return ["", f"no difference to {against}"]
    return [
        "",
        f"changes from {against}",
        *(f"  {'restarts engines' if change.restarts else 'in place        '}  {change.what}" for change in found),
    ]
