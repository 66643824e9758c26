"""``tercet render metrics|alerts|dashboards``: the metrics' page, and what Prometheus and Grafana read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cluster.commands.problems_shown import config_or_exit
from cluster.rendering.grafana import dashboards as boards
from cluster.rendering.metrics_page import metrics_page
from cluster.rendering.rules import prometheus_rule, rules_file
from cluster.rendering.written import written

Into = Annotated[Path | None, typer.Option(help="The folder to write into; without it, everything is printed.")]


def metrics(into: Into = None) -> None:
    """Write the catalogue of metrics as a page, ``metrics.md``."""
    written({"metrics.md": metrics_page()}, into)


def alerts(
    file: Annotated[Path, typer.Argument(help="The document whose objectives count.")],
    into: Into = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="As a PrometheusRule of the Prometheus Operator.")
    ] = False,
    namespace: Annotated[
        str, typer.Option(help="Of the series of one namespace of Kubernetes alone, as Prometheus labels them there.")
    ] = "",
) -> None:
    """Write recording rules and alerts, ``tercet-rules.yaml``."""
    config, rendered = config_or_exit(file), prometheus_rule if operator else rules_file
    written({"tercet-rules.yaml": rendered(config, namespace)}, into)


def dashboards(into: Into = None) -> None:
    """Write Grafana's dashboards: fleet, pool, tenants and cost, autoscale decisions."""
    written(boards(), into)
