"""The control loop without its clock and without Ray: hear, decide, publish."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from autoscale.build import Sight, build, undeployed
from autoscale.capacity.knee_source import KneeSource, analytic
from autoscale.controller.adapters import RunTimeAdapters, outcome
from autoscale.controller.canaries import Canaries
from autoscale.controller.deciding import Deciding
from autoscale.controller.forgettings import Forgettings, progress
from autoscale.controller.goal_book import GoalBook
from autoscale.controller.journal import Journal
from autoscale.controller.machines import Machines, inventory, whereabouts
from autoscale.controller.memory import Memory
from autoscale.controller.report import ATTAINMENT_WINDOWS_S, report
from autoscale.controller.startups import Startups
from autoscale.controller.steering import Steering
from autoscale.controller.told import gateways, scaling, states
from autoscale.controller.victims import Places
from autoscale.fleet import Fleet
from autoscale.hardware import Inventory
from autoscale.pools import PoolSettings
from autoscale.served import Served
from autoscale.spec import AutoscaleSpec
from deployments.adapters import AdapterOrder, AdapterOutcome, served_name
from deployments.answers.orders import Forgotten
from deployments.signals import FleetView, GatewayPlace, GatewaySignals, ReplicaSignals

log = logging.getLogger("tercet.autoscale")

FORGET_AFTER_S = 60.0
MACHINES_STALE_S = 60.0


@dataclass(slots=True)
class ControlLoop:
    """One configuration, everything heard so far, and the last decision. Callers give the time, in Unix seconds.

    ``node`` is the address of the machine that it runs on.
    """

    settings: tuple[PoolSettings, ...] = ()
    spec: AutoscaleSpec = field(default_factory=AutoscaleSpec)
    journal: Journal = field(default_factory=Journal)
    serve_errors: int = 0
    adapters: RunTimeAdapters = field(default_factory=RunTimeAdapters)
    canaries: Canaries = field(default_factory=Canaries)
    forgettings: Forgettings = field(default_factory=Forgettings)
    goals: GoalBook = field(default_factory=GoalBook)
    steering: Steering = field(default_factory=Steering)
    knees: KneeSource = analytic
    node: str = ""
    deciding: Deciding = field(init=False)
    _memory: Memory = field(default_factory=Memory)
    _served: Served | None = None
    _machines: Machines | None = None
    _fleet: Fleet | None = None
    _startups: Startups = field(default_factory=Startups)
    _asleep: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.deciding = Deciding(self.spec, knees=self.knees)
        self.configure(self.settings, self.spec)

    def configure(self, settings: Iterable[PoolSettings], spec: AutoscaleSpec) -> None:
        """Take another configuration; what was heard is kept, recommendations start again from the present targets.

        Raises ValueError where there is no such policy; then nothing has changed.
        """
        self.deciding.configure(spec)
        self.settings, self.spec = tuple(settings), spec
        self.steering.configure(self.settings, spec)
        self.adapters.keep_only({one.name for one in self.settings})
        self._memory.span_s = max(*ATTAINMENT_WINDOWS_S, spec.queue.ttft_window)
        self._memory.spacing_s = min(spec.queue.ttft_window / 10, 5.0)
        self._memory.forget_after_s = max(FORGET_AFTER_S, 2 * spec.stale_after)

    def hear_replica(self, signals: ReplicaSignals, now_s: float) -> None:
        """Take a replica's report."""
        self._memory.hear_replica(signals, now_s)

    def hear_gateway(self, signals: GatewaySignals, now_s: float) -> None:
        """Take a gateway's report."""
        self._memory.hear_gateway(signals, now_s)
        self.goals.hear(signals.gateway, signals.goals, now_s)
        self.canaries.hear(signals.gateway, signals.canaries, now_s)

    def forget(self, sender: str) -> None:
        """Forget a replica or a gateway that is gone."""
        self._memory.forget(sender)

    def hear_machines(self, machines: Machines) -> None:
        """Take a count of the hardware."""
        self._machines = machines

    def step(self, served: Served | None, now_s: float) -> None:
        """Decide once. *served* is ``None`` when Serve did not answer; what it said last then stands, and ages."""
        self._memory.prune(now_s)
        if served is not None:
            self._memory.miss(served.listed, now_s - self.spec.stale_after)
        self.serve_errors += served is None
        self._served = served or self._served
        fleet = self._build(now_s)
        for pool, pin in self.steering.pins.expire(now_s).items():
            log.info("pin_expired pool=%s replicas=%d", pool, pin.replicas)
        decision = self.steering.pins.over(fleet, self.deciding.decide(fleet))
        self.journal.record(fleet, decision, mode=self.spec.mode)
        self._startups.see(fleet)
        self.steering.act(fleet, decision, self.spec, self._places())
        # Only now: targets are as fresh as the last step that succeeded.
        first, self._fleet = self._fleet is None, fleet
        self._note_zero(fleet, first=first)

    def targets(self, now_s: float) -> dict[str, int]:
        """Return the replicas to have; nothing when only advising, or when no decision was made lately."""
        return dict(self.steering.targets) if self._fresh(now_s) else {}

    def view(self, now_s: float) -> FleetView:
        """Return what everyone may know about the pools, as of the last decision."""
        if self._fleet is None:
            return FleetView(at_s=now_s, pools={}, gateways=self._gateways(now_s), node=self.node)
        fresh = self._fresh(now_s)
        return FleetView(
            at_s=self._fleet.at_s,
            pools=states(
                self._fleet,
                self._memory.reports(),
                steering=self.steering if fresh else Steering(),
                adapters=self.adapters,
                asleep=self._asleep,
                startups=self._startups,
            ),
            canaries=self.canaries.stages(),
            brown_out=dict(self.steering.brown_out) if fresh else {},
            scaling=scaling(self._fleet.pools, self.journal, self.steering, self.deciding, self.serve_errors),
            gateways=self._gateways(now_s),
            node=self.node,
        )

    def adapter_outcome(self, pool: str, name: str, order: AdapterOrder | None) -> AdapterOutcome:
        """Say how far the ready replicas of *pool* are with an order, None being to hold nothing of that name."""
        if self.adapters.of(pool).get(name) != order:
            return AdapterOutcome(refused=f"{served_name(pool, name)} was changed again meanwhile")
        fleet, reports = self._fleet.pools.get(pool) if self._fleet else None, self._memory.reports()
        ready = [replica.replica for replica in fleet.replicas if replica.stage == "ready"] if fleet else []
        heard = [reports.replicas[one][-1].signals for one in ready if one in reports.replicas]
        return outcome(name, order, heard)

    def forgotten(self, number: int) -> Forgotten:
        """Say which gateways have carried out an order to forget answers; one that is silent may give them still."""
        return progress(number, {name: heard[-1] for name, heard in self._memory.reports().gateways.items()})

    def told_since(self, then_s: float, now_s: float) -> bool:
        """Say whether every gateway that speaks has been given a view later than *then_s*."""
        last = [heard[-1].at_s for heard in self._memory.reports().gateways.values()]
        return all(at_s > then_s for at_s in last if now_s - at_s <= self.spec.stale_after)

    def status(self, now_s: float) -> dict[str, Any]:
        """Describe everything in plain JSON, as of now."""
        errors = {"policy": self.deciding.errors, "serve": self.serve_errors}
        built = self._build(now_s)
        pools = {one.name: built.pools.get(one.name, undeployed(one)) for one in self.settings}
        fleet = Fleet(at_s=now_s, pools=pools, inventory=built.inventory)
        told = report(fleet, self._memory.reports(), self.journal, self.spec, self.steering)
        return {**told, "canaries": self.canaries.status(), "errors": errors, "goals": self.goals.status(now_s)}

    def _gateways(self, now_s: float) -> tuple[GatewayPlace, ...]:
        return gateways(self._memory.reports(), now_s, self.spec.stale_after)

    def _fresh(self, now_s: float) -> bool:
        return self._fleet is not None and now_s - self._fleet.at_s <= self.spec.stale_after

    def _build(self, now_s: float) -> Fleet:
        if self._served is None:
            return Fleet(at_s=now_s, pools={})
        sight = Sight(
            now_s=now_s,
            window_s=self.spec.queue.ttft_window,
            stale_after_s=self.spec.stale_after,
            inventory=self._inventory(self._served, now_s),
            brown_out=self.steering.brown_out,
        )
        return build(self.settings, self._memory.reports(), self._served, sight)

    def _inventory(self, served: Served, now_s: float) -> Inventory | None:
        if self._machines is None or now_s - self._machines.at_s > MACHINES_STALE_S:
            return None
        return inventory(self._machines.nodes, served)

    def _places(self) -> Places:
        return Places() if self._served is None else whereabouts(self._machines, self._served)

    def _note_zero(self, fleet: Fleet, *, first: bool) -> None:
        """Remember which pools were sized to none: one that has no replica otherwise has lost them.

        After a restart of this controller a pool that may be empty and is has not lost anything either.
        """
        for name, pool in fleet.pools.items():
            sized = pool.target == 0 or self.steering.targets.get(name) == 0
            asleep = first and pool.min_replicas == 0 and not pool.ready
            if sized or asleep:
                self._asleep.add(name)
            elif pool.ready:
                self._asleep.discard(name)
