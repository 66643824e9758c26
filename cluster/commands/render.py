"""``tercet render``: what other programs read, written from the same source as the product."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.commands.problems_shown import config_or_exit
from cluster.rendering.grafana import dashboards as boards
from cluster.rendering.metrics_page import metrics_page
from cluster.rendering.rules import prometheus_rule, rules_file
from cluster.rendering.written import written

render = typer.Typer(
    name="render",
    help="Write what other programs read: the metrics' page, alerts, dashboards.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Into = Annotated[Path | None, typer.Option(help="The folder to write into; without it, everything is printed.")]


@render.command()
def metrics(into: Into = None) -> None:
    """Write the catalogue of metrics as a page, ``metrics.md``."""
    written({"metrics.md": metrics_page()}, into)


@render.command()
def alerts(
    file: Annotated[Path, typer.Argument(help="The document whose objectives count.")],
    into: Into = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="As a PrometheusRule of the Prometheus Operator.")
    ] = False,
) -> None:
    """Write recording rules and alerts, ``tercet-rules.yaml``."""
    config = config_or_exit(file)
    written({"tercet-rules.yaml": prometheus_rule(config) if operator else rules_file(config)}, into)


@render.command()
def dashboards(into: Into = None) -> None:
    """Write Grafana's dashboards: fleet, pool, tenants and cost, autoscale decisions."""
    written(boards(), into)
