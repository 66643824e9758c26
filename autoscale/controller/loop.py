"""The control loop without its clock and without Ray: hear, decide, publish."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from autoscale.build import Sight, build, undeployed
from autoscale.controller.adapters import RunTimeAdapters, outcome
from autoscale.controller.canaries import Canaries
from autoscale.controller.journal import Journal
from autoscale.controller.memory import Memory
from autoscale.controller.places import places
from autoscale.controller.report import ATTAINMENT_WINDOWS_S, report
from autoscale.controller.startups import youngest
from autoscale.fleet import Fleet
from autoscale.policies.combinators import Contained
from autoscale.policies.compose import compose
from autoscale.pools import PoolSettings
from autoscale.served import Served
from autoscale.spec import AutoscaleSpec
from deployments.adapters import AdapterOrder, AdapterOutcome, served_name
from deployments.signals import FleetView, GatewaySignals, PoolState, ReplicaSignals

FORGET_AFTER_S = 60.0


@dataclass(slots=True)
class ControlLoop:
    """One configuration, everything heard so far, and the last decision. Callers give the time, in Unix seconds."""

    settings: tuple[PoolSettings, ...] = ()
    spec: AutoscaleSpec = field(default_factory=AutoscaleSpec)
    journal: Journal = field(default_factory=Journal)
    serve_errors: int = 0
    adapters: RunTimeAdapters = field(default_factory=RunTimeAdapters)
    canaries: Canaries = field(default_factory=Canaries)
    _memory: Memory = field(default_factory=Memory)
    _policy: Contained = field(init=False)
    _served: Served | None = None
    _fleet: Fleet | None = None
    _published: dict[str, int] = field(default_factory=dict)
    _scaled_to_zero: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.configure(self.settings, self.spec)

    def configure(self, settings: Iterable[PoolSettings], spec: AutoscaleSpec) -> None:
        """Take another configuration; what was heard is kept, recommendations start again from the present targets."""
        self.settings, self.spec = tuple(settings), spec
        self._policy = compose(spec)
        self._published = {}
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
        self.canaries.hear(signals.gateway, signals.canaries, now_s)

    def forget(self, sender: str) -> None:
        """Forget a replica or a gateway that is gone."""
        self._memory.forget(sender)

    def step(self, served: Served | None, now_s: float) -> None:
        """Decide once. *served* is ``None`` when Serve did not answer; what it said last then stands, and ages."""
        self._memory.prune(now_s)
        self.serve_errors += served is None
        self._served = served or self._served
        fleet = self._build(now_s)
        decision = self._policy.decide(fleet)
        self.journal.record(fleet, decision, mode=self.spec.mode)
        first, self._fleet = self._fleet is None, fleet
        self._published = {name: told.replicas for name, told in decision.pools.items()}
        self._note_zero(fleet, first=first)

    def targets(self, now_s: float) -> dict[str, int]:
        """Return the replicas to have; nothing when only advising, or when no decision was made lately."""
        fresh = self._fleet is not None and now_s - self._fleet.at_s <= self.spec.stale_after
        return dict(self._published) if fresh and self.spec.mode == "active" else {}

    def view(self, now_s: float) -> FleetView:
        """Return what everyone may know about the pools, as of the last decision."""
        if self._fleet is None:
            return FleetView(at_s=now_s, pools={})
        wanted, reports = self.targets(now_s), self._memory.reports()
        states = {
            name: PoolState(
                ready=pool.ready,
                target=wanted.get(name, pool.target),
                starting=pool.starting,
                scaled_to_zero=name in self._scaled_to_zero,
                replicas=places(pool, reports),
                adapters=tuple(sorted(self.adapters.of(name))),
                startup=youngest(pool, reports),
            )
            for name, pool in self._fleet.pools.items()
        }
        return FleetView(at_s=self._fleet.at_s, pools=states, canaries=self.canaries.stages())

    def adapter_outcome(self, pool: str, name: str, order: AdapterOrder | None) -> AdapterOutcome:
        """Say how far the ready replicas of *pool* are with an order, None being to hold nothing of that name."""
        if self.adapters.of(pool).get(name) != order:
            return AdapterOutcome(refused=f"{served_name(pool, name)} was changed again meanwhile")
        fleet, reports = self._fleet.pools.get(pool) if self._fleet else None, self._memory.reports()
        ready = [replica.replica for replica in fleet.replicas if replica.stage == "ready"] if fleet else []
        heard = [reports.replicas[one][-1].signals for one in ready if one in reports.replicas]
        return outcome(name, order, heard)

    def told_since(self, then_s: float, now_s: float) -> bool:
        """Say whether every gateway that speaks has been given a view later than *then_s*."""
        last = [heard[-1].at_s for heard in self._memory.reports().gateways.values()]
        return all(at_s > then_s for at_s in last if now_s - at_s <= self.spec.stale_after)

    def status(self, now_s: float) -> dict[str, Any]:
        """Describe everything in plain JSON, as of now."""
        errors = {"policy": self._policy.errors, "serve": self.serve_errors}
        pools = self._build(now_s).pools
        fleet = Fleet(at_s=now_s, pools={one.name: pools.get(one.name, undeployed(one)) for one in self.settings})
        told = report(fleet, self._memory.reports(), self.journal, self.spec)
        return {**told, "canaries": self.canaries.status(), "errors": errors}

    def _build(self, now_s: float) -> Fleet:
        if self._served is None:
            return Fleet(at_s=now_s, pools={})
        sight = Sight(now_s=now_s, window_s=self.spec.queue.ttft_window, stale_after_s=self.spec.stale_after)
        return build(self.settings, self._memory.reports(), self._served, sight)

    def _note_zero(self, fleet: Fleet, *, first: bool) -> None:
        """Remember which pools were sized to none: one that has no replica otherwise has lost them.

        After a restart of this controller a pool that may be empty and is has not lost anything either.
        """
        for name, pool in fleet.pools.items():
            sized = pool.target == 0 or (self.spec.mode == "active" and self._published[name] == 0)
            asleep = first and pool.min_replicas == 0 and not pool.ready
            if sized or asleep:
                self._scaled_to_zero.add(name)
            elif pool.ready:
                self._scaled_to_zero.discard(name)
