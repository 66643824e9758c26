"""``tercet render serve|schema|environment|rules|k8s``: what Serve, helm and kustomize read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from cluster.commands.problems_shown import exit_with
from cluster.declared.declaration import Declaration, planned
from cluster.declared.serve_config import serve_config
from cluster.document import load
from cluster.machine import this_machine
from cluster.obstacles import CannotServeError
from cluster.problems import problem_of


def serve(
    file: Annotated[Path, typer.Argument(help="The Tercet document.")],
    groups: Annotated[
        Path | None, typer.Option(help="Groups of machines (YAML): cpu, memory, gpus, most, pools of each.")
    ] = None,
    longest: Annotated[float, typer.Option(min=1, help="Seconds that no answer takes more than.")] = 1800.0,
    cache: Annotated[str | None, typer.Option(help="The folder that engines build checkpoints in.")] = None,
) -> None:
    """Print the Serve config that declares FILE, for `serve deploy` and for a RayService."""
    document, found = load(file)
    if found:
        exit_with(found, file)
    here = this_machine()
    told: Mapping[str, Any] = {"all": {"cpu": here.cpus, "memory": here.memory, "gpus": here.gpus, "most": 1}}
    if groups is not None:
        told, wrong = load(groups)
        if wrong:
            exit_with(wrong, groups)
    try:
        declaration = Declaration.model_validate(
            {"document": dict(document), "groups": told, "longest_answer": longest, "cache": cache}
        )
    except ValidationError as error:
        exit_with([problem_of(line) for line in error.errors(include_url=False)], groups or file)
    plan = planned(declaration)
    if isinstance(plan, list):
        exit_with(plan, file)
    typer.echo(yaml.safe_dump(serve_config(declaration), sort_keys=False, allow_unicode=True), nl=False)


def schema(
    values: Annotated[bool, typer.Option("--values", help="Of the helm chart's values, document included.")] = False,
) -> None:
    """Print the JSON Schema of a Tercet document."""
    from cluster.rendering.chart_values import values_schema  # noqa: PLC0415
    from cluster.rendering.values_schema import document_schema  # noqa: PLC0415

    typer.echo(json.dumps(values_schema() if values else document_schema(), indent=1, ensure_ascii=False))


def environment() -> None:
    """Print the environment that every Ray process of a declared cluster must have, as the chart keeps it."""
    from cluster.rendering.environment_file import environment_file  # noqa: PLC0415

    typer.echo(yaml.safe_dump(environment_file(), sort_keys=False), nl=False)


def rules() -> None:
    """Print recording rules and alerts as the chart keeps them, with places for what a document's objectives say."""
    from cluster.rendering.as_yaml import WHOLE_LINES, as_yaml  # noqa: PLC0415
    from cluster.rendering.chart_rules import chart_rules  # noqa: PLC0415

    typer.echo(as_yaml(chart_rules(), width=WHOLE_LINES), nl=False)


def k8s(
    to: Annotated[Path, typer.Argument(file_okay=False, help="The folder to write, such as k8s.")],
    chart: Annotated[Path, typer.Option(exists=True, file_okay=False)] = Path("helm/tercet"),
    helm: Annotated[str, typer.Option(envvar="HELM", help="The helm program.")] = "helm",
) -> None:
    """Write a kustomize base and an overlay for every profile of the chart."""
    from cluster.rendering.kustomization import write  # noqa: PLC0415

    try:
        for path in write(to, chart, helm):
            typer.echo(str(path))
    except CannotServeError as error:
        typer.echo(f"tercet render k8s: {error}", err=True)
        raise typer.Exit(1) from None
