"""What an operator does on the command line, as part of the audit trail that the document asks for."""

from __future__ import annotations

import getpass
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from cluster.config import Config
from cluster.run_state import state_dir
from deployments.audit.audit import Audit
from deployments.audit.journal import Writer
from deployments.audit.lines import Administered
from deployments.audit.settings import AuditSettings
from deployments.gateway.versions import versions

_FAILED = "failed"


@asynccontextmanager
async def recorded(config: Config, action: str) -> AsyncIterator[dict[str, Any]]:
    """Yield what to tell of the block, which is kept when it has ended; raises AuditUnavailable where it cannot be."""
    async with recorded_at(state_dir(config.gateway.port), config.audit, action, command="tercet keys") as told:
        yield told


@asynccontextmanager
async def recorded_at(
    directory: Path, settings: AuditSettings, action: str, *, command: str
) -> AsyncIterator[dict[str, Any]]:
    """Do as ``recorded`` for the cluster of the state *directory*."""
    told: dict[str, Any] = {}
    if not settings.enabled:
        yield told
        return
    folder = Path(settings.folder) if settings.folder is not None else directory / "audit"
    audit = Audit(folder, settings, Writer(gateway=command, version=versions()["version"]))
    record = Administered(
        at_s=time.time(), request_id=uuid4().hex, who=f"{_user()} on the command line", action=action, outcome=_FAILED
    )
    try:
        yield told
        record = msgspec.structs.replace(record, outcome="ok", told=told)
    finally:
        try:
            await audit.settled(audit.record(lambda: record, 0))
        finally:
            await audit.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name
        return "somebody"
