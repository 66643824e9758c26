"""The control loop as one named Ray actor."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import ray

from autoscale.controller import remembered
from autoscale.controller.bookkeeping import Bookkeeping, BookSettings
from autoscale.controller.cancelled import Cancelled
from autoscale.controller.explanation import explanation, overview
from autoscale.controller.inventory_reader import read_machines
from autoscale.controller.keeper import Keeper
from autoscale.controller.knee_process import KneeProcess
from autoscale.controller.loop import ControlLoop
from autoscale.controller.serve_reader import end, read_served
from autoscale.controller.ticking import Loops, log_to_stderr
from autoscale.pools import PoolSettings
from autoscale.spec import AutoscaleSpec
from deployments.adapters import AdapterOrder, AdapterOutcome
from deployments.answers.orders import By, Forgotten
from deployments.canary_steps import Action
from deployments.cost.book import BookError, Entry
from deployments.cost.lines import Statement
from deployments.signals import FleetView, GatewaySignals, ReplicaSignals

log = logging.getLogger("tercet.autoscale")

SERVE_DEADLINE_S = 3.0
MACHINES_DEADLINE_S = 5.0
MACHINES_EVERY_S = 5.0
POLICY_MEMORY_EVERY_S = 60.0
GOALS_EVERY_S = 60.0
ADAPTER_POLL_S = 0.1
FORGOTTEN_POLL_S = 0.1
KNEES_EVERY_S = 0.1
WITHDRAWN_WITHIN_S = 10.0
PRUNE_COSTS_EVERY_S = 3600.0


class FleetController:
    """Hear every replica and gateway, size the pools once an interval, and tell whoever asks.

    Restarted, it takes up its configuration and Serve's present targets again and holds them until it has heard
    from everyone. Wrap with ``ray.remote``, name it, and give it ``max_restarts=-1``.
    """

    def __init__(self) -> None:
        log_to_stderr()
        self._knees = KneeProcess()  # it ends with this process
        self._loop = ControlLoop(knees=self._knees, node=ray.util.get_node_ip_address())
        self._loops = Loops()
        self._keeper = Keeper(remembered.keep_plain)
        self._cancelled = Cancelled()
        self._books = Bookkeeping()
        configuration = remembered.recall()
        if configuration is not None:
            log.warning("controller_restarted pools=%d", len(configuration[0]))
            self._loop.adapters.take(remembered.recall_plain("adapters"))
            self._loop.goals.take(remembered.recall_plain("goals"))
            self._loop.canaries.take(remembered.recall_plain("canaries"))
            self._loop.forgettings.take(remembered.recall_plain("forgettings"))
            self._loop.steering.take(remembered.recall_plain("steering"), time.time())
            self._configure_again(*configuration)
            self._loop.deciding.recall(remembered.recall_plain("policy"))
            if costs := remembered.recall_plain("costs"):
                self._books.configure(BookSettings(**costs))

    async def configure(self, pools: list[dict[str, Any]], spec: dict[str, Any]) -> None:
        """Take a configuration: fields of PoolSettings for each pool, and of AutoscaleSpec. Raises on a wrong one."""
        self._configure(pools, spec)
        await asyncio.wait_for(asyncio.to_thread(remembered.keep, pools, spec), timeout=10.0)
        self._keep_ticking()

    async def keep_costs(self, settings: dict[str, Any]) -> None:
        """Keep what everybody tells of cost: fields of BookSettings. Raises on a wrong one."""
        self._books.configure(BookSettings(**settings))
        await self._keeper.keep("costs", lambda: settings)

    async def report_spending(self, statement: Statement) -> int:
        """Write down what a process tells of cost; return the statement's number once it is on the disk.

        Raises where it cannot be written: whoever told it tells it again, and what was written is not written twice.
        """
        return await self._books.write(statement)

    async def costs(self, since_hour: int, until_hour: int) -> list[Entry] | str:
        """Return what is kept of the hours from *since_hour* until before *until_hour*, or why it cannot be read."""
        try:
            return await asyncio.to_thread(self._books.entries, since_hour, until_hour)
        except BookError as error:
            return str(error)

    async def report_replica(self, signals: ReplicaSignals) -> Mapping[str, AdapterOrder]:
        """Take a replica's report; ``signals.replica`` is its Serve id. Return the run-time adapters of its pool."""
        self._loop.hear_replica(signals, time.time())
        self._keep_ticking()
        return self._loop.adapters.of(signals.pool)

    async def report_gateway(self, signals: GatewaySignals) -> FleetView:
        """Take a gateway's report, and tell it how the pools are and what it has to forget."""
        self._loop.hear_gateway(signals, time.time())
        return replace(await self.view(), forgettings=self._loop.forgettings.after(signals.forgotten))

    async def forget_answers(self, by: By, name: str, within_s: float) -> Forgotten:
        """Have every gateway forget answers; wait until each that is known has, *within_s* seconds at most."""
        order = self._loop.forgettings.order(by, name)
        log.info("answers_to_forget by=%s name=%s", by, name)
        await self._keep_forgettings()
        until_s = time.time() + within_s
        while True:
            found = self._loop.forgotten(order.number)
            if found.everywhere or time.time() >= until_s:
                return found
            await asyncio.sleep(FORGOTTEN_POLL_S)

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

    async def explain(self, pool: str) -> dict[str, Any]:
        """Say why *pool* has its size, empty where there is none of that name; with "" how all are."""
        status = await self.status()
        return explanation(status, pool) if pool else overview(status)

    async def steer_scaling(self, action: str, fields: dict[str, Any]) -> str:
        """Do what an operator asks, see ``Steering.order``; return why not, "" where it is done and kept."""
        refused = self._loop.steering.order(action, fields, self._loop.settings, time.time())
        if not refused:
            log.info("scaling_steered action=%s fields=%s", action, json.dumps(fields))
            await self._keep_steering()
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
        return {**self._loop.status(time.time()), "costs": self._books.fault}

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
        await self._keeper.keep("adapters", self._loop.adapters.plain)

    async def _keep_forgettings(self) -> None:
        await self._keeper.keep("forgettings", self._loop.forgettings.plain)

    async def _publish_canaries(self) -> None:
        """Keep how far canaries have come before anyone acts on it: one rolled back must stay so over a restart."""
        plain = self._loop.canaries.plain()
        await self._keeper.keep("canaries", lambda: plain)
        self._loop.canaries.publish(plain)

    def _configure(self, pools: list[dict[str, Any]], spec: dict[str, Any]) -> None:
        self._loop.configure([PoolSettings(**pool) for pool in pools], AutoscaleSpec(**spec))
        self._knees.stale_s = 2 * self._interval_s() + SERVE_DEADLINE_S

    def _configure_again(self, pools: list[dict[str, Any]], spec: dict[str, Any]) -> None:
        """Take up a configuration that was good before; pools stay as they are where its policy is not there now."""
        try:
            self._configure(pools, spec)
        except ValueError:
            log.exception("policy_gone advising=only")
            self._configure(pools, {**spec, "policy": "queue", "pools": {}, "mode": "advise"})

    def _keep_ticking(self) -> None:
        """Start the loops with the first call after a start or restart; they end with the process.

        Each goes on when another fails or waits: a canary must be rolled back also while nothing can be decided.
        """
        if self._loop.settings:
            self._loops.keep_up("control-loop", self._tick, self._interval_s)
            self._loops.keep_up("steering", self._keep_steering, self._interval_s)
            self._loops.keep_up("adapters", self._keep_adapters, self._interval_s)
            self._loops.keep_up("forgettings", self._keep_forgettings, self._interval_s)
            self._loops.keep_up("canaries", self._step_canaries, self._interval_s)
            self._loops.keep_up("knees", self._step_knees, lambda: KNEES_EVERY_S)
            self._loops.keep_up("machines", self._count_machines, lambda: MACHINES_EVERY_S)
            self._loops.keep_up("costs", self._books.prune, lambda: PRUNE_COSTS_EVERY_S)
            self._loops.keep_up("goals", self._keep_goals, lambda: GOALS_EVERY_S)
            self._loops.keep_up("policy-memory", self._keep_policy_memory, lambda: POLICY_MEMORY_EVERY_S)

    def _interval_s(self) -> float:
        return self._loop.spec.interval

    async def _tick(self) -> None:
        served = await read_served(self._loop.settings, SERVE_DEADLINE_S)
        self._loop.step(served, time.time())
        if served is not None:
            await end(self._cancelled.see(served), SERVE_DEADLINE_S)

    async def _keep_steering(self) -> None:
        await self._keeper.keep("steering", self._loop.steering.plain)

    async def _step_canaries(self) -> None:
        if self._loop.canaries.step(time.time()):
            await self._publish_canaries()

    async def _step_knees(self) -> None:
        self._knees.step()

    async def _count_machines(self) -> None:
        machines = await read_machines(MACHINES_DEADLINE_S)
        if machines is not None:
            self._loop.hear_machines(machines)

    async def _keep_goals(self) -> None:
        await self._keeper.keep("goals", self._loop.goals.plain)

    async def _keep_policy_memory(self) -> None:
        if kept := self._loop.deciding.remembered():
            await self._keeper.keep("policy", lambda: kept)
