"""Run a command on the stores that a document names, and keep a record of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer

from cluster.commands.problems_shown import config_or_exit
from cluster.config import Config
from cluster.recorded_command import recorded
from deployments.errors import AuditUnavailable, Misconfigured
from deployments.tenancy.assembly import Stores, open_stores
from deployments.tenancy.keys.issuing import NoSuchKeyError
from deployments.tenancy.spec import AccessSpec
from deployments.tenancy.stores.away import StoreAwayError

Result = TypeVar("Result")


def configured(file: Path) -> tuple[Config, AccessSpec]:
    """Return what *file* says, and where it keeps keys; exit where it keeps none."""
    config = config_or_exit(file)
    if config.access is None:
        _exit(f"{file} has no `access`, so there are no keys; add one with a store, as in {{store: {{sqlite: /path}}}}")
    if config.access.open:
        _exit(f"{file} lets everybody in (`access: {{open: true}}`), so there are no keys; give `access` a store")
    return config, config.access


def done(
    config: Config,
    action: str,
    work: Callable[[Stores], Awaitable[Result]],
    told: Callable[[Result], Mapping[str, Any]],
    undo: Callable[[Stores, Result], Awaitable[None]] | None = None,
) -> Result:
    """Return what *work* does with the stores; exit with one sentence where it fails.

    What is *told* of it is part of the audit trail, where there is one; where it must be and cannot, it is *undo*ne.
    """

    async def run(stores: Stores) -> Result:
        finished: list[Result] = []
        try:
            async with recorded(config, action) as record:
                finished.append(await work(stores))
                record.update(told(finished[0]))
        except AuditUnavailable:
            if finished and undo is not None:
                await undo(stores, finished[0])
            raise
        return finished[0]

    async def opened() -> Result:
        assert config.access is not None  # noqa: S101 - looked at before
        stores = open_stores(config.access.kept)
        try:
            return await run(stores)
        finally:
            await stores.close()

    try:
        return asyncio.run(opened())
    except (NoSuchKeyError, StoreAwayError, Misconfigured, AuditUnavailable) as error:
        _exit(str(error))


def _exit(why: str) -> NoReturn:
    print(f"tercet keys: {why}", file=sys.stderr)
    raise typer.Exit(1) from None
