"""One engine as a Ray Serve replica."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import ray
from ray import serve

from deployments.adapters import AdapterOrder
from deployments.collection import collect_seldom
from deployments.engines.base import Engine
from deployments.engines.launch import build_engine
from deployments.engines.startup import process_began_s
from deployments.errors import EngineFailed, Overloaded
from deployments.pool.accounting import Accounting
from deployments.pool.adapters import Adapters
from deployments.pool.cores import claim
from deployments.pool.engine_spans import EngineSpans
from deployments.pool.heartbeat import Heartbeat
from deployments.pool.listener import Listener
from deployments.pool.wire import Call, Load, context_of
from deployments.request import Frame, Head
from deployments.signals import ReplicaSignals, Stage
from deployments.telemetry.engine_series import EngineSeries
from deployments.telemetry.logs import configure
from deployments.telemetry.traces import from_environment

log = logging.getLogger(__name__)

LAST_WORDS_S = 0.2
LAST_STATEMENT_S = 1.0
EXIT_ENGINE_DEAD = 70  # EX_SOFTWARE: Serve replaces a replica at once when its process is gone


class EngineReplica:
    """Hold one engine, answer calls, report load, and leave when the engine is broken.

    ``spec`` is what an engine must restart for (plain JSON, see ``cluster.applications.pools``). Gateways attach
    directly; Serve starts, watches and stops the replica. Refusal is exact: a call beyond ``slots + max_waiting`` in
    flight is answered Overloaded instead of being queued.
    """

    async def __init__(self, spec: dict[str, Any]) -> None:  # type: ignore[misc]  # Serve awaits it
        configure(sys.__stderr__ or sys.stderr)  # Serve puts a buffer of a thousand lines in place of sys.stderr
        self._spec = spec
        self._replica = serve.get_replica_context().replica_id.unique_id
        self._stage: tuple[Stage, float] = ("placed", time.time())
        self._in_flight = 0
        self._slots = self._max_waiting = self._kv_tokens = 0
        self._configured = False
        self._idle = asyncio.Event()
        self._leaving: asyncio.Task[None] | None = None
        self._engine: Engine | None = None
        self._traces = from_environment("tercet-engine")
        self._spans = EngineSpans(spec["name"], self._replica, self._traces)
        self._listener = Listener(
            self._traced,
            self._load,
            scraped=EngineSeries(spec["name"], self._replica, self._signals),
            kept=lambda request: self._traces.decide(request, keep=True),
        )
        await self._listener.start(ray.util.get_node_ip_address())
        self._adapters = Adapters(spec["name"], read=spec["runtime"] == "vllm")
        self._loop = asyncio.get_running_loop()
        self._accounting = Accounting(spec["pool"], self._replica, tuple(spec["controller"]))
        self._heartbeat = Heartbeat(tuple(spec["controller"]), "report_replica", self._signals, on_answer=self._ordered)
        await self._start()

    async def _start(self) -> None:
        spec = self._spec
        if spec.get("pinned_cores"):
            available = sorted(os.sched_getaffinity(0))
            self._cores = claim(int(spec["pinned_cores"]), available, Path(spec["state_dir"]) / "cores")
            spec = {**spec, "cores": list(self._cores.cores)}
        engine = await build_engine(spec, self._replica, self._enter, began_s=process_began_s())
        self._accounting.attach(engine)
        info = await engine.start()
        self._accounting.ready(process_began_s())
        self._adapters.attach(engine)
        self._engine, self._slots, self._kv_tokens = engine, info.slots, info.kv_tokens
        collect_seldom()
        self._enter("ready")

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take limits and adapters, which need no restart; the first time, calls are taken from then on."""
        self._max_waiting = int(user_config.get("max_waiting", 0))
        await self._adapters.declare(user_config)
        self._configured = True
        self._listener.announce()

    async def check_health(self) -> None:
        """Raise when the engine can no longer answer; Serve then replaces the replica."""
        if self._engine is not None:
            await self._engine.check()

    def _traced(self, call: Call) -> AsyncGenerator[Frame]:
        return self._spans.around(call, self._answer(call))

    async def _answer(self, call: Call) -> AsyncGenerator[Frame]:
        """Stream the engine's frames; raises a ServingError where the answer does not come to its end."""
        arrived_s = time.monotonic()
        self._refuse_if_not_able()
        assert self._engine is not None  # noqa: S101 - a replica without an engine is not able
        context = context_of(call, now_s=arrived_s)
        self._in_flight += 1
        self._idle.clear()
        try:
            async with aclosing(self._engine.generate(call.request, context)) as frames:  # type: ignore[type-var]
                async for frame in frames:
                    yield frame if frame.head is None else self._named(frame, frame.head, arrived_s)
        except EngineFailed:
            self._leave_if_broken()
            raise
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    @property
    def _able(self) -> bool:
        started = self._engine is not None and self._configured
        return started and self._stage[0] == "ready" and self._leaving is None

    def _refuse_if_not_able(self) -> None:
        name = self._spec["name"]
        if not self._able:
            raise EngineFailed(f"this replica of {name} is {self._stage[0]}", retry_after_s=1.0)
        if self._in_flight >= self._slots + self._max_waiting:
            raise Overloaded(f"{name} already holds {self._in_flight} requests", retry_after_s=1.0)

    def _named(self, frame: Frame, head: Head, arrived_s: float) -> Frame:
        told = msgspec.structs.replace(head, replica=self._replica, replica_s=time.monotonic() - arrived_s)
        return msgspec.structs.replace(frame, head=told)

    def _load(self, yours: int) -> Load:
        return Load(
            in_flight=self._in_flight,
            yours=yours,
            limit=self._slots + self._max_waiting if self._able else 0,
            kv_tokens=self._kv_tokens,
        )

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
            self._listener.announce()
            self._accounting.settle()
            telling = asyncio.create_task(asyncio.to_thread(self._accounting.flush))
            await asyncio.wait([telling], timeout=LAST_STATEMENT_S)
            await asyncio.sleep(LAST_WORDS_S)  # the failures of running calls are on their way
            os._exit(EXIT_ENGINE_DEAD)  # what is left of the engine ends with this process
        finally:
            self._leaving = None
            self._listener.announce()

    def _enter(self, stage: Stage) -> None:
        self._stage = (stage, time.time())
        if stage in ("ready", "draining"):
            self._listener.announce()

    def _ordered(self, adapters: Mapping[str, AdapterOrder]) -> None:
        """Take the controller's answer to a report; called on the heartbeat's thread."""
        self._loop.call_soon_threadsafe(self._adapters.order, adapters)

    def _signals(self) -> ReplicaSignals:
        stage, since_s = self._stage
        if self._engine is not None and stage in ("ready", "draining"):
            told = replace(self._engine.signals(), stage=stage, stage_since_s=since_s)
        else:
            told = ReplicaSignals(
                pool=self._spec["name"], replica=self._replica, at_s=time.time(), stage=stage, stage_since_s=since_s
            )
        reports = self._adapters.reports()
        return replace(told, address=self._listener.address, key=self._listener.key, adapter_reports=reports)

    async def __del__(self) -> None:
        """Take no more calls, let those under way finish, then stop; Serve ends the process if that takes too long."""
        self._enter("draining")
        if self._in_flight:
            await self._idle.wait()
        await asyncio.to_thread(self._heartbeat.close)
        await self._listener.close()
        await self._adapters.close()
        if self._engine is not None:
            await self._engine.stop()
        await self._accounting.close()
        await asyncio.to_thread(self._traces.close)
