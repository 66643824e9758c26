"""``tercet render``: what other programs read, written from the same source as the product."""

from __future__ import annotations

import typer

from cluster.commands.render_kubernetes import environment, k8s, rules, schema, serve
from cluster.commands.render_observability import alerts, dashboards, metrics

render = typer.Typer(
    name="render",
    help="Write what Serve, helm, kustomize, Prometheus and Grafana read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (serve, schema, environment, rules, k8s, metrics, alerts, dashboards):
    render.command()(command)
