"""The control loop as one named Ray actor."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Any

from autoscale.controller import remembered
from autoscale.controller.loop import ControlLoop
from autoscale.controller.serve_reader import read_served
from autoscale.pools import PoolSettings
from autoscale.spec import AutoscaleSpec
from deployments.signals import FleetView, GatewaySignals, ReplicaSignals

log = logging.getLogger("tercet.autoscale")

SERVE_DEADLINE_S = 3.0


class FleetController:
    """Hear every replica and gateway, size the pools once an interval, and tell whoever asks.

    Restarted, it takes up its configuration and Serve's present targets again and holds them until it has heard
    from everyone. Wrap with ``ray.remote``, name it, and give it ``max_restarts=-1``.
    """

    def __init__(self) -> None:
        _log_to_stderr()
        self._loop = ControlLoop()
        self._ticking: asyncio.Task[None] | None = None
        configuration = remembered.recall()
        if configuration is not None:
            log.warning("controller_restarted pools=%d", len(configuration[0]))
            self._configure(*configuration)

    async def configure(self, pools: list[dict[str, Any]], spec: dict[str, Any]) -> None:
        """Take a configuration: fields of PoolSettings for each pool, and of AutoscaleSpec. Raises on a wrong one."""
        self._configure(pools, spec)
        await asyncio.wait_for(asyncio.to_thread(remembered.keep, pools, spec), timeout=10.0)
        self._keep_ticking()

    async def report_replica(self, signals: ReplicaSignals) -> None:
        """Take a replica's report; ``signals.replica`` is its Serve id."""
        self._loop.hear_replica(signals, time.time())
        self._keep_ticking()

    async def report_gateway(self, signals: GatewaySignals) -> FleetView:
        """Take a gateway's report, and tell it how the pools are."""
        self._loop.hear_gateway(signals, time.time())
        return await self.view()

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
