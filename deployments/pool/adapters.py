"""The LoRA adapters of one replica: those its configuration declares and those loaded at run time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deployments.adapters import AdapterOrder, AdapterReport, inside
from deployments.engines.adapter_files import fault, located
from deployments.engines.base import Engine
from deployments.errors import Invalid, ServingError
from deployments.pool.adapter_plan import RETRY_S, Failed, Wanted, due

log = logging.getLogger(__name__)

SETTLE_S = 120.0


class Adapters:
    """Brings one engine to hold what it should, one adapter at a time, while it serves.

    ``read`` says whether sources are read: a synthetic engine takes declared adapters by their names alone.
    """

    def __init__(self, pool: str, *, read: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._read, self._clock = pool, read, clock
        self._declared: dict[str, Wanted] | None = None
        self._ordered: dict[str, Wanted] = {}
        self._folders: tuple[str, ...] = ()
        self._held: dict[str, Wanted] = {}
        self._failed: dict[str, Failed] = {}
        self._woken, self._settled = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def attach(self, engine: Engine) -> None:
        """Take the engine, which has started; nothing is loaded before the configuration says from where."""
        self._task = asyncio.create_task(self._run(engine), name=f"adapters of {self._pool}")

    async def declare(self, user_config: Mapping[str, Any]) -> None:
        """Take the adapters that the configuration names.

        The first time, return when the engine holds these and all that was ordered meanwhile, or could not load them:
        a replica gets no request before.
        """
        first = self._declared is None
        declared = user_config.get("adapters") or {}
        self._declared = {name: Wanted(source=source) for name, source in declared.items()}
        self._folders = tuple(user_config.get("adapters_from") or ())
        self._wake()
        if first:
            await self._settle()

    def order(self, orders: Mapping[str, AdapterOrder] | None) -> None:
        """Take the fleet controller's word on what is loaded at run time."""
        ordered = {name: Wanted(source=one.path, serial=one.serial) for name, one in (orders or {}).items()}
        if ordered != self._ordered:
            self._ordered = ordered
            self._wake()

    def reports(self) -> tuple[AdapterReport, ...]:
        """Say what became of everything that this replica was asked to hold."""
        held = (AdapterReport(name=name, serial=one.serial) for name, one in list(self._held.items()))
        failed = (
            AdapterReport(name=name, serial=one.wanted.serial, error=one.reason)
            for name, one in list(self._failed.items())
        )
        return (*held, *failed)

    async def close(self) -> None:
        """Stop; what the engine holds goes with it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _wanted(self) -> dict[str, Wanted]:
        return {**self._ordered, **self._declared} if self._declared is not None else {}

    def _wake(self) -> None:
        self._settled.clear()
        self._woken.set()

    async def _settle(self) -> None:
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._settled.wait()

    async def _run(self, engine: Engine) -> None:
        while True:
            self._woken.clear()
            wanted = self._wanted()
            self._failed = {name: one for name, one in self._failed.items() if wanted.get(name) == one.wanted}
            todo = due(wanted, self._held, self._failed, self._clock())
            for name in todo.unload:
                await engine.unload_adapter(name)
                del self._held[name]
            if todo.load:
                await self._load(engine, todo.load[0], wanted[todo.load[0]])
                continue
            if not self._woken.is_set():
                self._settled.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S if self._failed else None):
                    await self._woken.wait()

    async def _load(self, engine: Engine, name: str, wanted: Wanted) -> None:
        began_s = self._clock()
        try:
            folder = await asyncio.to_thread(self._folder, wanted)
            await engine.load_adapter(name, folder)
        except ServingError as error:
            self._fail(name, wanted, error.message)
        except Exception:
            log.exception("adapter_crashed pool=%s adapter=%s", self._pool, name)
            self._fail(name, wanted, "loading broke; the replica's log says why")
        else:
            self._failed.pop(name, None)
            self._held[name] = wanted
            log.info("adapter_loaded pool=%s adapter=%s took_s=%.3f", self._pool, name, self._clock() - began_s)

    def _fail(self, name: str, wanted: Wanted, reason: str) -> None:
        log.warning("adapter_failed pool=%s adapter=%s reason=%s", self._pool, name, reason)
        self._failed[name] = Failed(wanted=wanted, reason=reason, at_s=self._clock())

    def _folder(self, wanted: Wanted) -> str:
        """Return where the adapter lies on this machine; raises Invalid. Blocks, minutes where it is downloaded."""
        if not wanted.serial:
            return str(located(wanted.source)) if self._read else wanted.source
        # Looked at where the file is read: the gateway may be on another machine, and a link may lead out.
        if not inside(wanted.source, self._folders):
            raise Invalid(f"{wanted.source} is not inside a folder of gateway.admin.adapters_from")
        if why := fault(Path(wanted.source)):
            raise Invalid(f"{wanted.source} {why}")
        return wanted.source
