"""Audit trails for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deployments.audit.audit import Audit
from deployments.audit.files import parts
from deployments.audit.journal import Journal, Writer
from deployments.audit.lines import Answered, Line
from deployments.audit.reading import trail
from deployments.audit.settings import AuditSettings
from deployments.audit.signing import PUBLIC_FILE, public_key
from deployments.audit.verify import Verdict, verify

NOON_S = 1_772_452_800.0
WRITER = Writer(gateway="test", version="1")


def answered(name: str, **changed: Any) -> Answered:
    """Return a record."""
    given = {"at_s": NOON_S, "request_id": name, "tenant": "acme", "endpoint": "chat", "entry": "auto", "outcome": "ok"}
    return Answered(**{**given, **changed})


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = NOON_S

    def __call__(self) -> float:
        return self.now_s


def settings(**changed: Any) -> AuditSettings:
    return AuditSettings.model_validate({"enabled": True, **changed})


def journal(folder: Path, clock: Clock | None = None, **changed: Any) -> Journal:
    return Journal(folder, settings(**changed), WRITER, wall=clock or Clock())


@asynccontextmanager
async def auditing(folder: Path, meter: Any = None, **changed: Any) -> AsyncIterator[Audit]:
    audit = Audit(folder, settings(**changed), WRITER, meter=meter)
    try:
        yield audit
    finally:
        await audit.close()


async def keep(audit: Audit, name: str) -> None:
    """Record one request and wait until it is settled."""
    await audit.settled(audit.record(lambda: answered(name), 1024))


def checked(folder: Path, noted: Any = ()) -> Verdict:
    return verify(folder, [public_key(folder / PUBLIC_FILE)], noted)


def records(folder: Path) -> list[Line]:
    """Return every line that counts, as chains are sorted."""
    return [line for _, line in trail(folder)]


def names(folder: Path) -> list[str]:
    """Return the ids of the requests that are recorded."""
    return [line.record.request_id for line in records(folder) if isinstance(line.record, Answered)]


def files(folder: Path) -> list[Path]:
    return [part.path for found in parts(folder).values() for part in found]
