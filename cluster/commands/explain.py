"""``tercet explain``: the path that a prompt would take through the graph, and why, with no engine running."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands.problems_shown import exit_with
from cluster.config import Config, model_names
from cluster.document import load
from cluster.machine import this_machine
from cluster.problems import Problem
from cluster.resolve import examine, in_order
from deployments.errors import UnknownModel
from deployments.graph.explain import explain as explain_path
from deployments.graph.explain import render
from deployments.request import Context, Request


def explain(
    file: Annotated[Path, typer.Argument(help="The Tercet document.")],
    prompt: Annotated[str, typer.Option(help="What the client says; - reads it from standard input.")],
    model: Annotated[str, typer.Option(help="The model or graph node asked for; the default if not given.")] = "",
    header: Annotated[list[str] | None, typer.Option(help="A request header, NAME=VALUE; may be repeated.")] = None,
    tenant: Annotated[str, typer.Option(help="Who asks.")] = "anonymous",
    at: Annotated[
        str | None, typer.Option(help="When, such as 22:30 or 2026-01-31T22:30; UTC. Now if not given.")
    ] = None,
) -> None:
    """Print the path that a prompt would take, and why."""
    headers, now = _headers(header or []), _moment(at, datetime.now(UTC))
    config = _config_or_exit(file)
    text = sys.stdin.read() if prompt == "-" else prompt
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    context = Context(request_id="explain", deadline_s=0.0, now=now, tenant=tenant, headers=headers)
    request = Request(endpoint="chat", model=model, body=body)
    try:
        explained = explain_path(config.graph, str(config.default), model_names(config.models), request, context)
    except UnknownModel as error:
        exit_with([Problem(path="--model", message=error.message)], file)
    typer.echo(render(explained))


def _config_or_exit(file: Path) -> Config:
    document, found = load(file)
    if not document:
        exit_with(found, file)
    config, _, problems = examine(document, (this_machine(),), found=found)
    if config is None or problems:
        exit_with(in_order(problems, document), file)
    return config


def _headers(pairs: Sequence[str]) -> dict[str, str]:
    split = [pair.partition("=") for pair in pairs]
    for name, equals, _ in split:
        if not name or not equals:
            raise typer.BadParameter("write NAME=VALUE", param_hint="--header")
    return {name.strip().lower(): value for name, _, value in split}


def _moment(text: str | None, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text if "-" in text else f"{now.date()}T{text}")
    except ValueError:
        raise typer.BadParameter(
            "write a time such as 22:30, or a moment such as 2026-01-31T22:30", param_hint="--at"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
