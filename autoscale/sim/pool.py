"""One pool of a simulation: its arrivals, engines and replicas, what is seen of them and what is written down."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np

from autoscale.fleet import PoolFleet
from autoscale.policy import PoolDecision
from autoscale.sim.agenda import Agenda
from autoscale.sim.arrivals import Trace
from autoscale.sim.engine_record import engine_record
from autoscale.sim.engines import Engines, Feed
from autoscale.sim.feed import NOTHING, Source, joined, merged
from autoscale.sim.kernel import reading
from autoscale.sim.ledger import Ledger
from autoscale.sim.machines import Machines
from autoscale.sim.outcome import ATTAINMENT_WINDOW_S
from autoscale.sim.replicas import Replicas
from autoscale.sim.scenario import Scenario, SimPool
from autoscale.sim.serve import serve_target
from autoscale.sim.sight import Reading, Sight


class Pool:
    """Moves on in time when told to; nothing in here knows of other pools."""

    def __init__(
        self, pool: SimPool, scenario: Scenario, source: Source, engines: Engines, machines: Machines,
        agenda: Agenda, seed: int,
    ) -> None:  # fmt: skip
        self.settings, self.source, self.engines = pool, source, engines
        self.replicas = Replicas(pool, scenario, engines, machines, agenda, seed)
        self.ledger = Ledger(pool.initial_replicas)
        self.brown_out = 0.0
        self._sight = Sight(pool, scenario.window_s, scenario.capacity_error, scenario.began_s)
        self._readings: deque[Reading] = deque()
        self._left: Feed | None = None
        self._stood_in = 0
        self.engines.wake_on_request(pool.initial_replicas == 0)

    @property
    def asleep(self) -> bool:
        """Tell whether the next request must wake it."""
        return self.replicas.target == 0

    def stand_in(self, moved: Feed) -> None:
        """Count requests that were meant for another pool."""
        self._stood_in += len(moved.t_s)

    def run(self, arrivals: Sequence[Feed], windows: Any, until_s: float) -> float | None:
        """Work through *arrivals* up to *until_s*; return when a request found no replica, None where none did."""
        feeds = [feed for feed in (self._left, *arrivals) if feed is not None]
        feed = merged(feeds) if len(feeds) > 1 else feeds[0] if feeds else NOTHING
        woken = self.engines.run(feed, windows, until_s)
        self._left = joined([feed]) if feed.at < len(feed.t_s) else None
        if not woken:
            return None
        self.engines.wake_on_request(False)
        return float(feed.t_s[feed.at - 1])

    def look(self, at_s: float) -> None:
        """Measure the pool, for the policy that asks later, and let drained replicas go."""
        self.replicas.let_drained_go()
        live = self.replicas.live
        rows, known = self.engines.read([replica.which for replica in live], at_s)
        self._readings.append(
            Reading(
                at_s=at_s,
                pool=known,
                replicas={one.name: row for one, row in zip(live, rows, strict=True)},
                moved=self.ledger.moved_requests,
                stood_in=self._stood_in,
            )
        )
        self.ledger.tick(at_s, self.replicas.target, self.replicas.all, rows, known[reading.HELD], self.brown_out)

    def fleet(self, seen_s: float, now_s: float) -> PoolFleet:
        """Return what a policy sees at *now_s*, nothing of it measured after *seen_s*."""
        while self._readings and self._readings[0].at_s <= seen_s:
            self._sight.look(self._readings.popleft())
        return self._sight.fleet(self.replicas.all, self.replicas.target, self.brown_out, now_s)

    def differs(self, decision: PoolDecision, brown_out: float) -> bool:
        """Tell whether following a decision would change anything."""
        forgotten = self.asleep and self.engines.held > 0  # by a replica that died while it drained
        return forgotten or decision.replicas != self.replicas.target or self._share(brown_out) != self.brown_out

    def follow(self, decision: PoolDecision, brown_out: float, at_s: float) -> None:
        """Have Serve steer to what was decided, and gateways move this share of requests to the stand-in."""
        self.brown_out = self._share(brown_out)
        self.steer(decision.replicas, at_s)

    def steer(self, asked: int, at_s: float) -> None:
        """Have Serve steer to *asked* replicas, as far as it does."""
        target = serve_target(
            asked,
            current=self.replicas.target,
            running=self.replicas.ready,
            requests=self.engines.in_flight,
            min_replicas=self.settings.min_replicas,
            max_replicas=self.settings.max_replicas,
        )
        if target != self.replicas.target:
            self.ledger.steered(target)
            self.replicas.steer(target, at_s)

    def _share(self, brown_out: float) -> float:
        return min(1.0, max(0.0, brown_out)) if self.settings.stand_ins else 0.0


def build_pool(number: int, scenario: Scenario, trace: Trace, results: Any, machines: Machines, agenda: Agenda) -> Pool:
    """Return the scenario's pool of this number, whose requests are judged in its row of *results*."""
    pool, slo, result = scenario.pools[number], scenario.pools[number].slo, results[number]
    record = engine_record(
        pool.profile,
        ttft_s=slo.ttft_p95_s,
        tpot_s=slo.tpot_p95_s,
        targets=slo.targets,
        routing_s=scenario.routing_s,
        most_output=pool.most_output,
        max_waiting=pool.max_waiting,
    )
    result["ttft_s"], result["tpot_s"] = record["ttft_s"][0], record["tpot_s"][0]
    seeds = np.random.SeedSequence([scenario.seed, crc32(pool.name.encode())]).generate_state(3, np.uint64)
    engines = Engines(record, results, ATTAINMENT_WINDOW_S, int(seeds[0]))
    source = Source(trace, number, scenario.duration_s, int(seeds[1]))
    return Pool(pool, scenario, source, engines, machines, agenda, int(seeds[2]))
