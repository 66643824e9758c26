"""The control loop as one named Ray actor."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from autoscale.controller import remembered
from autoscale.controller.loop import ControlLoop
from autoscale.controller.serve_reader import read_served
from autoscale.pools import PoolSettings
from autoscale.spec import AutoscaleSpec
from deployments.adapters import AdapterOrder, AdapterOutcome
from deployments.canary_steps import Action
from deployments.signals import FleetView, GatewaySignals, ReplicaSignals

log = logging.getLogger("tercet.autoscale")

SERVE_DEADLINE_S = 3.0
ADAPTER_POLL_S = 0.1
WITHDRAWN_WITHIN_S = 10.0


class FleetController:
    """Hear every replica and gateway, size the pools once an interval, and tell whoever asks.

    Restarted, it takes up its configuration and Serve's present targets again and holds them until it has heard
    from everyone. Wrap with ``ray.remote``, name it, and give it ``max_restarts=-1``.
    """

    def __init__(self) -> None:
        _log_to_stderr()
        self._loop = ControlLoop()
        self._ticking: asyncio.Task[None] | None = None
        self._keeping = asyncio.Lock()
        configuration = remembered.recall()
        if configuration is not None:
            log.warning("controller_restarted pools=%d", len(configuration[0]))
            self._loop.adapters.take(remembered.recall_adapters())
            self._loop.canaries.take(remembered.recall_canaries())
            self._configure(*configuration)

    async def configure(self, pools: list[dict[str, Any]], spec: dict[str, Any]) -> None:
        """Take a configuration: fields of PoolSettings for each pool, and of AutoscaleSpec. Raises on a wrong one."""
        self._configure(pools, spec)
        await asyncio.wait_for(asyncio.to_thread(remembered.keep, pools, spec), timeout=10.0)
        self._keep_ticking()

    async def report_replica(self, signals: ReplicaSignals) -> Mapping[str, AdapterOrder]:
        """Take a replica's report; ``signals.replica`` is its Serve id. Return the run-time adapters of its pool."""
        self._loop.hear_replica(signals, time.time())
        self._keep_ticking()
        return self._loop.adapters.of(signals.pool)

    async def report_gateway(self, signals: GatewaySignals) -> FleetView:
        """Take a gateway's report, and tell it how the pools are."""
        self._loop.hear_gateway(signals, time.time())
        return await self.view()

    async def load_adapter(self, pool: str, name: str, path: str, within_s: float) -> AdapterOutcome:
        """Have every replica of *pool* hold an adapter, new ones too; wait until the ready ones do, or one cannot.

        Where one cannot, none keeps it. After *within_s* seconds the order stands and the answer tells who is late.
        """
        refused = self._loop.adapters.load(pool, name, path)
        if refused:
            return AdapterOutcome(refused=refused)
        log.info("adapter_ordered pool=%s adapter=%s path=%s", pool, name, path)
        order = self._loop.adapters.of(pool)[name]
        await self._keep_adapters()
        found = await self._settled(pool, name, order, within_s)
        if found.failures and self._loop.adapters.of(pool).get(name) == order:
            self._loop.adapters.unload(pool, name)
            await self._keep_adapters()
            await self._settled(pool, name, None, WITHDRAWN_WITHIN_S)
        return found

    async def unload_adapter(self, pool: str, name: str, within_s: float) -> AdapterOutcome:
        """Have no replica of *pool* take requests for an adapter any more; running ones finish."""
        refused = self._loop.adapters.unload(pool, name)
        if refused:
            return AdapterOutcome(refused=refused)
        log.info("adapter_withdrawn pool=%s adapter=%s", pool, name)
        await self._keep_adapters()
        return await self._settled(pool, name, None, within_s)

    async def steer_canary(self, node: str, action: Action) -> str:
        """Hold, resume, promote, roll back or restart the canary in *node*; return why not, "" where it is done."""
        refused = self._loop.canaries.steer(node, action, time.time())
        if not refused:
            await self._publish_canaries()
        return refused

    async def forget(self, replica: str) -> None:
        """Forget a replica or gateway that is gone, instead of waiting for its silence to be long enough."""
        self._loop.forget(replica)

    async def view(self) -> FleetView:
        """Return ready, wanted and starting replicas by pool."""
        self._keep_ticking()
        return self._loop.view(time.time())

    async def targets(self) -> dict[str, int]:
        """Return the replicas that each pool should have; a pool that is not in it should stay as it is."""
        self._keep_ticking()
        return self._loop.targets(time.time())

    async def status(self) -> dict[str, Any]:
        """Return pools, replicas, load, latencies and decisions as plain JSON."""
        self._keep_ticking()
        return self._loop.status(time.time())

    async def _settled(self, pool: str, name: str, order: AdapterOrder | None, within_s: float) -> AdapterOutcome:
        """Wait until nobody is waited for and every gateway has been told; the last outcome after *within_s*."""
        until_s, done_s = time.time() + within_s, 0.0
        while True:
            now_s = time.time()
            found = self._loop.adapter_outcome(pool, name, order)
            done_s = 0.0 if found.waiting else done_s or now_s
            told = done_s and self._loop.told_since(done_s, now_s)
            if found.refused or found.failures or told or now_s >= until_s:
                return found
            await asyncio.sleep(ADAPTER_POLL_S)

    async def _keep_adapters(self) -> None:
        async with self._keeping:  # one after the other, so that the last one written is the last one given
            orders = self._loop.adapters.orders()
            await asyncio.wait_for(asyncio.to_thread(remembered.keep_adapters, orders), timeout=10.0)

    async def _publish_canaries(self) -> None:
        """Keep how far canaries have come before anyone acts on it: one rolled back must stay so over a restart."""
        async with self._keeping:
            plain = self._loop.canaries.plain()
            await asyncio.wait_for(asyncio.to_thread(remembered.keep_canaries, plain), timeout=10.0)
            self._loop.canaries.publish(plain)

    def _configure(self, pools: list[dict[str, Any]], spec: dict[str, Any]) -> None:
        self._loop.configure([PoolSettings(**pool) for pool in pools], AutoscaleSpec(**spec))

    def _keep_ticking(self) -> None:
        """Start the loop with the first call after a start or restart; it ends with the process."""
        if self._ticking is None and self._loop.settings:
            self._ticking = asyncio.get_running_loop().create_task(self._tick_for_ever(), name="control-loop")

    async def _tick_for_ever(self) -> None:
        while True:
            began_s = time.monotonic()
            try:
                served = await read_served(self._loop.settings, SERVE_DEADLINE_S)
                self._loop.step(served, time.time())
                if self._loop.canaries.step(time.time()):
                    await self._publish_canaries()
            except Exception:
                log.exception("tick_failed")
            await asyncio.sleep(max(0.0, self._loop.spec.interval - (time.monotonic() - began_s)))


def _log_to_stderr() -> None:
    """Show decisions in the actor's own log file, which Ray fills from its standard error."""
    if not log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
