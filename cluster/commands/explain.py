"""``tercet explain``: the path that a prompt would take through the graph, and why, with no engine running."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cluster.commands.prices import prices_of
from cluster.commands.problems_shown import config_or_exit, exit_with
from cluster.config import Config, model_names
from cluster.expectation import expected
from cluster.figures import Known, known_from
from cluster.problems import Problem
from cluster.remote_report import remark
from deployments.adapters import split_name
from deployments.errors import UnknownModel
from deployments.graph.explain import explain as explain_path
from deployments.graph.explain import render
from deployments.remote.spec import RemoteSpec
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
    figures: Annotated[
        Path | None,
        typer.Option("--from", help="Records, or what `tercet status --json` printed: how fast each model is."),
    ] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="How long the answer gets.")] = None,
    price: Annotated[
        list[str] | None, typer.Option(help="MODEL=PROMPT,COMPLETION[,CURRENCY] a million tokens; may be repeated.")
    ] = None,
) -> None:
    """Print the path that a prompt would take, and why, with what to expect of it."""
    headers, now = _headers(header or []), _moment(at, datetime.now(UTC))
    config = config_or_exit(file)
    known, prices = _known(figures), prices_of(config, price or [])
    text = sys.stdin.read() if prompt == "-" else prompt
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    context = Context(request_id="explain", deadline_s=0.0, now=now, tenant=tenant, headers=headers)
    request = Request(endpoint="chat", model=model, body=body)
    try:
        explained = explain_path(
            config.graph,
            str(config.default),
            model_names(config.models),
            request,
            context,
            remarks=dict(_remarks(config, tenant)),
        )
    except UnknownModel as error:
        exit_with([Problem(path="--model", message=error.message)], file)
    typer.echo(render(explained))
    model = explained.path[-1]
    typer.echo(f"\nto expect of the first choice, {model}:")
    for what, told in expected(
        known.get(model, Known()),
        prompt_tokens=explained.prompt_tokens,
        tokens=tokens,
        promised_s=_promise(config, model),
        price=prices.get(model),
    ):
        typer.echo(f"  {what}: {told}")


def _remarks(config: Config, tenant: str) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of each remote model."""
    stays = tenant in config.tenants and config.tenants[tenant].stay_local
    refuses = f"; refuses {tenant}, which stays local" if stays else ""
    for name, model in config.models.items():
        if isinstance(model, RemoteSpec):
            yield name, remark(model) + refuses


def _known(path: Path | None) -> Mapping[str, Known]:
    try:
        return {} if path is None else known_from(path)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path}: {getattr(error, 'strerror', None) or error}", param_hint="--from") from None


def _promise(config: Config, model: str) -> float | None:
    slo = getattr(config.models.get(split_name(model)[0]), "slo", None)
    return slo.ttft_p95 if slo is not None else None


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
