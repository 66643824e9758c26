"""``tercet graph``: a drawing of a document's graph, with no engine running."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.commands.problems_shown import config_or_exit
from cluster.drawing.diagram import diagram
from cluster.drawing.layout import lay_out
from cluster.drawing.svg import svg as drawn
from cluster.drawing.tree import tree


def graph(
    file: Annotated[Path, typer.Argument(help="The Tercet document.")],
    svg: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the drawing here.")] = None,
    text: Annotated[bool, typer.Option("--text", help="Print it as text; so does a call without --svg.")] = False,
) -> None:
    """Draw the graph: nodes, conditions, weights, timeouts and pools."""
    shown = diagram(config_or_exit(file))
    if svg is not None:
        try:
            svg.write_text(drawn(lay_out(shown), f"Tercet graph of {file.name}"), encoding="utf-8")
        except OSError as error:
            typer.echo(f"tercet graph: {svg} cannot be written: {error.strerror or error}", err=True)
            raise typer.Exit(1) from None
    if text or svg is None:
        for line in tree(shown):
            typer.echo(line)
