"""One engine as a Ray Serve replica."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from ray import serve

from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from deployments.errors import EngineFailed, Overloaded, ServingError
from deployments.pool.cores import claim
from deployments.pool.heartbeat import Heartbeat
from deployments.pool.wire import Accepted, Call, Message, context_of, failure_of
from deployments.request import Frame, Head
from deployments.signals import ReplicaSignals, Stage

log = logging.getLogger(__name__)

STALL_S = 2.0
EXIT_ENGINE_DEAD = 70  # EX_SOFTWARE: Serve replaces a replica at once when its process is gone


class EngineReplica:
    """Hold one engine, answer calls, report load, and leave when the engine is broken.

    ``spec`` is what an engine must restart for (plain JSON, see ``cluster.app``). Refusal is exact: a call beyond
    ``slots + max_waiting`` in flight is answered Overloaded instead of being queued.
    """

    async def __init__(self, spec: dict[str, Any]) -> None:  # type: ignore[misc]  # Serve awaits it
        self._spec = spec
        self._replica = serve.get_replica_context().replica_id.unique_id
        self._stage: tuple[Stage, float] = ("placed", time.time())
        self._in_flight = 0
        self._limit = 0
        self._max_waiting = 0
        self._leaving: asyncio.Task[None] | None = None
        self._engine: Engine | None = None
        self._heartbeat = Heartbeat(tuple(spec["controller"]), "report_replica", self._signals)
        await self._start()

    async def _start(self) -> None:
        spec = self._spec
        if spec.get("pinned_cores"):
            available = sorted(os.sched_getaffinity(0))
            self._cores = claim(int(spec["pinned_cores"]), available, Path(spec["state_dir"]) / "cores")
            spec = {**spec, "cores": list(self._cores.cores)}
        engine = await build_engine(spec, self._replica, self._enter)
        info = await engine.start()
        self._engine = engine
        self._slots = info.slots
        self._limit = info.slots + self._max_waiting
        self._enter("ready")

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take limits that need no restart."""
        self._max_waiting = int(user_config.get("max_waiting", 0))
        if self._engine is not None:
            self._limit = self._slots + self._max_waiting

    async def stream(self, call: Call) -> AsyncGenerator[Message]:
        """Answer one call; the last message is a Failure where the answer did not come to its end."""
        if self._leaving is not None:
            # Ends with this process, within a second: the caller then finds another replica. A quick answer would make
            # the broken replica the least busy one, and draw every call of the pool.
            await asyncio.sleep(STALL_S)
        if self._in_flight >= self._limit:
            yield failure_of(
                Overloaded(f"{self._spec['name']} already holds {self._in_flight} requests", retry_after_s=1.0)
            )
            return
        self._in_flight += 1
        try:
            yield Accepted()
            async with aclosing(self._answer(call)) as frames:
                async for frame in frames:
                    yield frame
        except EngineFailed as error:
            self._leave_if_broken()
            yield failure_of(error)
        except ServingError as error:
            yield failure_of(error)
        except Exception:
            log.exception("request_crashed request=%s pool=%s", call.request_id, self._spec["name"])
            yield failure_of(ServingError(f"{self._spec['name']} could not answer because of an internal error"))
        finally:
            self._in_flight -= 1

    async def _answer(self, call: Call) -> AsyncGenerator[Frame]:
        """Stream the engine's frames, with this replica's name on the heads."""
        assert self._engine is not None  # noqa: S101 - Serve routes only to constructed replicas
        context = context_of(call, now_s=time.monotonic())
        async with aclosing(self._engine.generate(call.request, context)) as frames:  # type: ignore[type-var]
            async for frame in frames:
                head = frame.head
                yield frame if head is None else _named(frame, head, self._replica)

    async def check_health(self) -> None:
        """Raise when the engine can no longer answer; Serve then replaces the replica."""
        if self._engine is not None:
            await self._engine.check()

    def _leave_if_broken(self) -> None:
        """End the process once the failures have been handed out, if the engine confirms that it is dead.

        The health check would find it too, but only after several periods in which calls still arrive here.
        """
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave())

    async def _leave(self) -> None:
        assert self._engine is not None  # noqa: S101
        try:
            await self._engine.check()
        except EngineFailed as error:
            log.error("engine_dead pool=%s replica=%s reason=%s", self._spec["name"], self._replica, error)  # noqa: TRY400
            await asyncio.sleep(0.2)  # the failures of running calls are on their way
            os._exit(EXIT_ENGINE_DEAD)  # what is left of the engine ends with this process
        finally:
            self._leaving = None

    def _enter(self, stage: Stage) -> None:
        self._stage = (stage, time.time())

    def _signals(self) -> ReplicaSignals:
        stage, since_s = self._stage
        if self._engine is not None and stage == "ready":
            return replace(self._engine.signals(), stage=stage, stage_since_s=since_s)
        return ReplicaSignals(
            pool=self._spec["name"], replica=self._replica, at_s=time.time(), stage=stage, stage_since_s=since_s
        )

    async def __del__(self) -> None:
        await asyncio.to_thread(self._heartbeat.close)
        if self._engine is not None:
            await self._engine.stop()


def _named(frame: Frame, head: Head, replica: str) -> Frame:
    return msgspec.structs.replace(frame, head=msgspec.structs.replace(head, replica=replica))
