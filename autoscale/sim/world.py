"""Run a policy on a simulated fleet."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from functools import partial

import numpy as np

from autoscale.fleet import Fleet
from autoscale.policy import Decision, Policy
from autoscale.sim.agenda import Agenda
from autoscale.sim.arrivals import Trace
from autoscale.sim.engines import Feed
from autoscale.sim.feed import tokens
from autoscale.sim.kernel.records import RESULT
from autoscale.sim.machines import Machines
from autoscale.sim.node_failures import plan_node_failures
from autoscale.sim.outcome import ATTAINMENT_WINDOW_S, Outcome
from autoscale.sim.pool import Pool, build_pool
from autoscale.sim.scenario import Scenario
from autoscale.sim.serve import WAKE_S
from autoscale.sim.summary import pool_outcome


def simulate(scenario: Scenario, arrivals: Mapping[str, Trace], policy: Policy) -> Outcome:
    """Send each pool's *arrivals* through the fleet that *policy* sizes, and return what came of it.

    The same scenario, arrivals and policy give the same outcome, except for measured seconds. A pool without arrivals
    is idle. Raises ValueError for a pool that the scenario does not have, and for arrivals that go back in time.
    """
    if unknown := arrivals.keys() - {pool.name for pool in scenario.pools}:
        raise ValueError(f"arrivals for {sorted(unknown)}, which are no pools of the scenario")
    return _World(scenario, arrivals, policy).run()


class _World:
    """Pools that share a clock, hardware and a policy; between two actions of the agenda nothing touches them."""

    def __init__(self, scenario: Scenario, arrivals: Mapping[str, Trace], policy: Policy) -> None:
        self._scenario, self._policy = scenario, policy
        self._agenda, self._machines = Agenda(), Machines(scenario.inventory)
        self._results = np.zeros(len(scenario.pools), RESULT)
        self._windows = np.zeros((len(scenario.pools), 1024, 2), np.int64)
        self._pools = {
            pool.name: build_pool(
                number, scenario, arrivals.get(pool.name, ()), self._results, self._machines, self._agenda
            )
            for number, pool in enumerate(scenario.pools)
        }
        self._by_priority = sorted(self._pools.values(), key=lambda pool: -pool.settings.priority)
        plan_node_failures(scenario, self._machines, [pool.replicas for pool in self._by_priority], self._agenda)
        self._decide_s: list[float] = []
        self._ended = False
        self._ticks = 0
        self._looks = max(1, math.ceil(scenario.signal_lag_s / scenario.interval_s))

    def run(self) -> Outcome:
        """Do what the agenda says until all is over."""
        began_s, now_s = time.perf_counter(), 0.0
        self._plan_look()
        self._plan_tick()
        while not self._ended:
            # A pool at zero may be woken at any time, before an action that touches no engine too.
            still = self._agenda.next_aside and not any(pool.asleep for pool in self._pools.values())
            if not still and self._advance(self._agenda.next_s):
                continue
            now_s, action = self._agenda.pop()
            action(now_s)
        outcomes = {
            name: pool_outcome(pool, self._results[number], self._windows[number], self._horizon_s)
            for number, (name, pool) in enumerate(self._pools.items())
        }
        run_s = time.perf_counter() - began_s
        return Outcome(simulated_s=now_s, pools=outcomes, decide_s=np.array(self._decide_s), run_s=run_s)

    @property
    def _horizon_s(self) -> float:
        last_s = max(pool.source.last_s for pool in self._pools.values())
        return last_s if self._scenario.duration_s is None else self._scenario.duration_s

    def _advance(self, until_s: float) -> bool:
        """Bring every pool to *until_s*; True where one is to be woken before, which comes first then."""
        self._more_windows(until_s)
        woken = False
        for name, feeds in self._arrivals(until_s).items():
            pool = self._pools[name]
            at_s = pool.run(feeds, self._windows, until_s)
            if at_s is not None:
                woken = True
                self._agenda.at(at_s + WAKE_S, partial(_wake, pool))
        return woken

    def _arrivals(self, until_s: float) -> dict[str, list[Feed]]:
        feeds: dict[str, list[Feed]] = {name: [] for name in self._pools}
        for name, pool in self._pools.items():
            taken = pool.source.take(until_s)
            if taken is None:
                continue
            if pool.brown_out > 0:
                taken, moved = pool.source.aside(taken, pool.brown_out)
                feeds[pool.settings.stand_ins[0]].append(moved)
                self._pools[pool.settings.stand_ins[0]].stand_in(moved)
                pool.ledger.moved_requests += len(moved.t_s)
                pool.ledger.moved_tokens += tokens(moved)
            feeds[name].append(taken)
        return feeds

    def _more_windows(self, until_s: float) -> None:
        missing = int(until_s / ATTAINMENT_WINDOW_S) + 2 - self._windows.shape[1]
        if missing > 0:
            more = np.zeros((len(self._pools), max(missing, self._windows.shape[1]), 2), np.int64)
            self._windows = np.concatenate([self._windows, more], axis=1)

    def _plan_look(self) -> None:
        self._agenda.at(self._looks * self._scenario.interval_s - self._scenario.signal_lag_s, self._look)
        self._looks += 1

    def _plan_tick(self) -> None:
        self._ticks += 1
        self._agenda.at(self._ticks * self._scenario.interval_s, self._tick, aside=True)

    def _look(self, at_s: float) -> None:
        self._plan_look()
        for pool in self._pools.values():
            pool.look(at_s)
        if self._scenario.inventory is not None:
            for pool in self._by_priority:
                pool.replicas.place_waiting(at_s)

    def _tick(self, at_s: float) -> None:
        """Ask the policy, and have Serve follow a little later."""
        sources = [pool.source for pool in self._pools.values()]
        if all(source.ended for source in sources) and at_s >= self._horizon_s:
            open_ = sum(pool.engines.in_flight for pool in self._pools.values())
            self._ended = open_ == 0 or at_s >= self._horizon_s + self._scenario.settle_s
        seen_s = at_s - self._scenario.signal_lag_s
        if seen_s >= 0:
            decision = self._ask(seen_s, at_s)
            if self._changes(decision):
                self._agenda.at(at_s + self._scenario.serve_lag_s, partial(self._follow, decision))
        self._plan_tick()

    def _ask(self, seen_s: float, at_s: float) -> Decision:
        pools = {name: pool.fleet(seen_s, at_s) for name, pool in self._pools.items()}
        fleet = Fleet(at_s=self._scenario.began_s + at_s, pools=pools, inventory=self._machines.inventory())
        began_s = time.perf_counter()
        decision = self._policy.decide(fleet)
        self._decide_s.append(time.perf_counter() - began_s)
        for name, one in decision.pools.items():
            self._pools[name].ledger.decided(at_s, one)
        return decision

    def _changes(self, decision: Decision) -> bool:
        shares = decision.brown_out
        return any(self._pools[name].differs(one, shares.get(name, 0.0)) for name, one in decision.pools.items())

    def _follow(self, decision: Decision, at_s: float) -> None:
        for name, one in decision.pools.items():
            self._pools[name].follow(one, decision.brown_out.get(name, 0.0), at_s)


def _wake(pool: Pool, at_s: float) -> None:
    pool.steer(0, at_s)
