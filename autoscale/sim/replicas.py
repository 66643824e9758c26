"""The replicas of one pool and what happens to them: starts, failures of starts, drains, deaths."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from autoscale.fleet import STARTING
from autoscale.sim.agenda import Agenda
from autoscale.sim.bill import Bill
from autoscale.sim.engines import Engines
from autoscale.sim.machines import Machines
from autoscale.sim.replica import NOWHERE, Replica
from autoscale.sim.scenario import Scenario, SimPool

_DAY_S = 86_400.0
# The last part of a start is the warm-up of an engine that has its weights.
_WARMING = 0.1
_LEAVING_ORDER = ("requested", "placed", "building", "loading", "warming", "ready")


class Replicas:
    """Follows a target as Serve does; every change goes through ``steer`` or through what the agenda brings."""

    def __init__(
        self, pool: SimPool, scenario: Scenario, engines: Engines, machines: Machines, agenda: Agenda, seed: int
    ) -> None:
        self._pool, self._scenario, self._engines, self._machines, self._agenda = (
            pool, scenario, engines, machines, agenda,
        )  # fmt: skip
        self._random = np.random.default_rng(seed)
        self._named = 0
        self.all: list[Replica] = []
        self.bill = Bill()
        self.target = pool.initial_replicas
        for _ in range(pool.initial_replicas):
            self._begin_ready()
        self._route(0.0)

    @property
    def ready(self) -> int:
        """Count the replicas that requests go to."""
        return sum(replica.stage == "ready" for replica in self.all)

    @property
    def live(self) -> list[Replica]:
        """Return the replicas that have or had requests."""
        return [replica for replica in self.all if replica.which != NOWHERE]

    def steer(self, target: int, at_s: float) -> None:
        """Have *target* replicas besides those that drain: ask for more, or let the cheapest to lose go."""
        self.target = target
        staying = [replica for replica in self.all if replica.stage != "draining"]
        for _ in range(target - len(staying)):
            self._request(at_s)
        if len(staying) > target:
            for replica in sorted(staying, key=self._loss)[: len(staying) - target]:
                self._dismiss(replica, at_s)
        self._engines.wake_on_request(target == 0)
        self._route(at_s)

    def place_waiting(self, at_s: float) -> None:
        """Give hardware to replicas that wait for it, as far as there is any."""
        for replica in self.all:
            if replica.stage == "requested" and not self._place(replica, at_s):
                return

    def let_drained_go(self) -> None:
        """End the replicas whose last stream has ended; they are paid for until then."""
        for replica in list(self._draining()):
            if self._engines.in_flight_at(replica.which) == 0:
                self._end(replica, max(replica.since_s, self._engines.idle_since(replica.which)))

    def lose_node(self, node: str, at_s: float) -> None:
        """End every replica on *node* as it stands."""
        for replica in [one for one in self.all if one.node == node]:
            self._die(replica, at_s)

    def _draining(self) -> Iterator[Replica]:
        return (replica for replica in self.all if replica.stage == "draining")

    def _new(self, at_s: float) -> Replica:
        replica = Replica(name=f"{self._pool.name}#{self._named}", requested_s=at_s, since_s=at_s)
        self._named += 1
        self.all.append(replica)
        return replica

    def _begin_ready(self) -> None:
        replica = self._new(0.0)
        replica.node = self._machines.take(self._pool.name, self._pool.hardware)
        if replica.node is None:
            raise ValueError(f"pool {self._pool.name}: the inventory has no room for its initial_replicas")
        replica.placed_s = 0.0
        self._open(replica, 0.0)

    def _request(self, at_s: float) -> None:
        self._place(self._new(at_s), at_s)

    def _place(self, replica: Replica, at_s: float) -> bool:
        node = self._machines.take(self._pool.name, self._pool.hardware)
        if node is None:
            return False
        replica.node, replica.placed_s, replica.started = node, at_s, True
        self.bill.starts += 1
        replica.enter("loading", at_s)
        starts = self._pool.profile.starts
        takes_s = starts.median_s * float(np.exp(starts.sigma * self._random.standard_normal()))
        if self._random.random() < starts.failure_share:
            self._agenda.at(at_s + takes_s * self._random.random(), partial(self._fail_start, replica))
        else:
            self._agenda.at(at_s + takes_s * (1 - _WARMING), partial(self._warm, replica))
            self._agenda.at(at_s + takes_s, partial(self._become_ready, replica))
        return True

    def _fail_start(self, replica: Replica, at_s: float) -> None:
        if not replica.gone:
            self.bill.failed_starts += 1
            self._end(replica, at_s)
            self._request(at_s)

    def _warm(self, replica: Replica, at_s: float) -> None:
        if not replica.gone:
            replica.enter("warming", at_s)

    def _become_ready(self, replica: Replica, at_s: float) -> None:
        if not replica.gone:
            replica.startup_s = at_s - replica.requested_s
            self._open(replica, at_s)
            self._route(at_s)

    def _open(self, replica: Replica, at_s: float) -> None:
        replica.enter("ready", at_s)
        replica.which = self._engines.add(at_s)
        if self._scenario.replica_failures_per_day > 0:
            lives_s = self._random.exponential(_DAY_S / self._scenario.replica_failures_per_day)
            self._agenda.at(at_s + lives_s, partial(self._die, replica))

    def _die(self, replica: Replica, at_s: float) -> None:
        """End a replica as it stands; its requests begin again elsewhere, and Serve replaces it."""
        if replica.gone:
            return
        leaving = replica.stage == "draining"
        if replica.which != NOWHERE:
            replica.enter("draining", at_s)
            self._route(at_s)
            self._engines.empty(replica.which, at_s, cut=False)
        self._end(replica, at_s)
        if not leaving:
            self._request(at_s)
        self._route(at_s)

    def _loss(self, replica: Replica) -> tuple[int, float, float]:
        """Order by what is lost with a replica: the youngest start first, then the fewest requests."""
        requests = self._engines.in_flight_at(replica.which) if replica.which != NOWHERE else 0
        return (_LEAVING_ORDER.index(replica.stage), requests, -replica.requested_s)

    def _dismiss(self, replica: Replica, at_s: float) -> None:
        replica.dismissed = True
        if replica.stage in STARTING:
            self._end(replica, at_s)
            return
        replica.enter("draining", at_s)
        drain_s = self._scenario.drain_s if self._pool.drain_s is None else self._pool.drain_s
        self._agenda.at(at_s + drain_s, partial(self._cut, replica))

    def _cut(self, replica: Replica, at_s: float) -> None:
        if not replica.gone:
            self._engines.empty(replica.which, at_s, cut=True)
            self._end(replica, at_s)
            self._route(at_s)

    def _end(self, replica: Replica, at_s: float) -> None:
        replica.gone = True
        self.all.remove(replica)
        answered = 0
        if replica.which != NOWHERE:
            answered = self._engines.answered_by(replica.which)
            self._engines.remove(replica.which)
        self.bill.add(replica, answered, at_s)
        if replica.node is not None:
            self._machines.give_back(replica.node, self._pool.name, self._pool.hardware)

    def _route(self, at_s: float) -> None:
        self._engines.route_to([replica.which for replica in self.all if replica.stage == "ready"], at_s)
