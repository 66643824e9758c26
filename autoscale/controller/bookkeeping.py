"""The controller keeps what everybody tells of cost: it hears them all, and there is only one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from deployments.cost.book import Book, BookError, Entry, entries
from deployments.cost.lines import HOUR_S, Key, Statement, Sums
from deployments.tenancy.stores.away import StoreAwayError

log = logging.getLogger("tercet.autoscale")


class Machine(BaseModel):
    """What one replica of a pool takes, and what an hour of it costs where that is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpus: float = Field(default=0.0, ge=0)
    cpus: float = Field(default=0.0, ge=0)
    cost_per_hour: float | None = Field(default=None, gt=0)


class BookSettings(BaseModel):
    """Where sums are kept, for how many hours, and what seconds of pools' replicas come to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str = Field(min_length=1)
    keep_hours: int = Field(ge=24)
    currency: str = "usd"
    pools: dict[str, Machine] = Field(default_factory=dict)


class Bookkeeping:
    """Writes statements down, each once; *wall* is Unix time."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._settings: BookSettings | None = None
        self._book: Book | None = None
        # Of pools that are gone as well: what was spent there is told a little later.
        self._machines: dict[str, Machine] = {}
        self._left: list[Book] = []
        self._moving = asyncio.Lock()
        self._away = ""

    @property
    def fault(self) -> str:
        """Say why nothing can be written at the moment, "" where it can: what was told is told again until then."""
        return self._away

    def configure(self, settings: BookSettings) -> None:
        """Keep sums as *settings* say from now on."""
        before, self._settings = self._settings, settings
        self._machines.update(settings.pools)
        if self._book is None or before is None or before.file != settings.file:
            if self._book is not None:
                self._left.append(self._book)
            self._book = Book(Path(settings.file))

    async def write(self, statement: Statement) -> int:
        """Write a statement and return its number; raises StoreAwayError where nobody can write it now."""
        if not statement.number:
            return 0
        if self._book is None or self._settings is None:
            raise StoreAwayError("nobody has said yet where the sums are kept")
        try:
            await self._moved()
            await self._book.write(statement, _priced(statement, self._machines, self._settings.currency), self._hour())
        except StoreAwayError as error:
            if not self._away:
                log.error("costs_not_written reason=%s", error)  # noqa: TRY400
            self._away = str(error)
            raise
        self._away = ""
        return statement.number

    def entries(self, since_hour: int, until_hour: int) -> list[Entry]:
        """Return what is kept of the hours from *since_hour* until before *until_hour*; raises BookError."""
        if self._settings is None:
            raise BookError("nobody has said yet where the sums are kept")
        return list(entries(Path(self._settings.file), since_hour, until_hour))

    async def prune(self) -> None:
        """Forget what is too old, and let go of files that are not written any more."""
        await self._moved()
        if self._book is not None and self._settings is not None:
            await self._book.prune(self._hour() - self._settings.keep_hours, self._hour())

    async def _moved(self) -> None:
        """Have the file know what those before it were told: whoever lost the answer to a statement tells it again."""
        if not self._left:
            return
        async with self._moving:
            while self._left and self._book is not None:
                try:
                    heard = await self._left[0].heard()
                except StoreAwayError as error:
                    log.warning("costs_file_left reason=%s: what is told again may be written twice", error)
                    heard = []
                await self._book.inherit(heard)
                await self._left.pop(0).close()

    def _hour(self) -> int:
        return int(self._wall() // HOUR_S)


def _priced(statement: Statement, machines: Mapping[str, Machine], currency: str) -> Iterator[Entry]:
    return (_entry(key, sums, machines, currency) for key, sums in statement.lines)


def _entry(key: Key, sums: Sums, pools: Mapping[str, Machine], currency: str) -> Entry:
    if key.kind in {"listed", "listed-shadow"}:
        return Entry(key=key, sums=sums)
    machine = pools.get(key.pool, Machine())
    amount = (machine.cost_per_hour or 0.0) * sums.seconds / HOUR_S
    priced = Sums(calls=sums.calls, seconds=sums.seconds, amount=amount)
    named = key._replace(currency=currency if machine.cost_per_hour is not None else "")
    return Entry(
        key=named, sums=priced, gpu_seconds=sums.seconds * machine.gpus, cpu_seconds=sums.seconds * machine.cpus
    )
