"""``tercet cache``: an operator's hand on the answers that are kept."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from cluster.lifecycle.attached import attached
from cluster.lifecycle.fleet import forget_answers
from cluster.obstacles import CannotServeError
from cluster.recorded_command import recorded_at
from cluster.run_state import read, state_dir
from cluster.running_plan import recall
from deployments.answers.levels import Answers
from deployments.answers.opened import opened
from deployments.answers.orders import BYS, By
from deployments.answers.store import StoreFailedError
from deployments.errors import AuditUnavailable
from deployments.gateway.cache_admin import late
from deployments.gateway.settings import GatewaySettings
from deployments.nodes.cache.asked import is_tag

ANSWERS = "answers"

cache = typer.Typer(name="cache", add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)


@cache.callback()
def described() -> None:
    """Have answers forgotten that would be given again."""


@cache.command()
def forget(
    model: Annotated[str | None, typer.Option(help="Whose answers: a model, or one of its adapters.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Whose answers: a tenant.")] = None,
    tag: Annotated[str | None, typer.Option(help="What the answers were tagged with.")] = None,
    port: Annotated[int, typer.Option(help="The gateway's port.")] = 8000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Have every gateway forget the answers of one model, of one tenant or by one tag, those under way too.

    It is done when every gateway has said so, which takes two or three seconds. Where nothing runs, what is kept for
    the next start is forgotten.
    """
    by, name = _named(model=model, tenant=tenant, tag=tag)
    try:
        told = asyncio.run(_recorded(state_dir(port), by, name))
    except (AuditUnavailable, CannotServeError, StoreFailedError, TimeoutError) as error:
        _stop(str(error))
    print(json.dumps({by: name, **told}) if as_json else f"{by} {name}: forgotten {_where(told)}")


def _named(**given: str | None) -> tuple[By, str]:
    named = [(by, name) for by in BYS if (name := given[by]) is not None]
    if len(named) != 1 or not named[0][1]:
        rule = "name one of them; nothing named is not everything"
        raise typer.BadParameter(rule, param_hint="--model, --tenant, --tag")
    if named[0][0] == "tag" and not is_tag(named[0][1]):
        raise typer.BadParameter("is no tag: up to 64 letters, digits and ._:/-", param_hint="--tag")
    return named[0]


async def _recorded(directory: Path, by: By, name: str) -> dict[str, Any]:
    """Have it done, as part of the audit trail where the cluster keeps one."""
    settings = _settings(directory)
    async with recorded_at(directory, settings.audit, "cache_forget", command="tercet cache") as record:
        record[by] = name
        if read(directory) is None:
            return await _stored(directory, settings, by, name)
        return _everywhere(directory, by, name)  # nothing else waits in this loop


def _settings(directory: Path) -> GatewaySettings:
    """Return what the gateways have been told, whether they still run or not."""
    found = recall(directory)
    try:
        if found is not None:
            return GatewaySettings.model_validate(found.plan.gateway.settings)
    except ValidationError as error:
        raise CannotServeError("what runs here was started by another version: use its own command.") from error
    raise CannotServeError("no Tercet has run here: give its gateway's --port.")


def _everywhere(directory: Path, by: By, name: str) -> dict[str, Any]:
    with attached(directory):
        found = forget_answers(by, name)
    if not found.everywhere:
        raise CannotServeError(f"{late(by, name, found)}.")
    return {"gateways": list(found.done)}


async def _stored(directory: Path, settings: GatewaySettings, by: By, name: str) -> dict[str, Any]:
    answers: Answers = opened(settings.cache, directory / ANSWERS)
    try:
        return {"answers": await answers.forget(time.time(), **{by: name})}
    finally:
        await answers.close()


def _where(told: dict[str, Any]) -> str:
    if "gateways" in told:
        return f"by {len(told['gateways'])} gateways"
    return f"where they are kept ({told['answers']} answers); no gateway runs here"


def _stop(message: str) -> NoReturn:
    print(f"tercet cache: {message}", file=sys.stderr)
    raise typer.Exit(1)
