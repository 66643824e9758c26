"""The state of one gateway process: the live graph, the demand on it, and whether it takes traffic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from deployments.adapters import served_name
from deployments.answers.levels import Answers
from deployments.answers.opened import opened
from deployments.answers.settings import AnswersSettings
from deployments.cost.costs import Costs
from deployments.cost.spending import Spending
from deployments.errors import UnknownModel
from deployments.gateway.abilities import abilities, composition
from deployments.gateway.auditing import Auditing
from deployments.gateway.door import Door
from deployments.gateway.entrance import Entrance
from deployments.gateway.exchange import Exchange
from deployments.gateway.exposition import Exposition
from deployments.gateway.fingerprint import fingerprint
from deployments.gateway.forgetting import Forgetter
from deployments.gateway.rates import rates
from deployments.gateway.readiness import Readiness, judge, missing_at_start
from deployments.gateway.settings import GatewaySettings
from deployments.gateway.tariffs import tariffs
from deployments.gateway.turnstile import Turnstile
from deployments.graph.background import Background
from deployments.graph.compile import compile_graph
from deployments.graph.node import Node, stack
from deployments.graph.reach import reachable
from deployments.graph.transport import Transport
from deployments.graph.wiring import Wiring
from deployments.layers.costed import costed
from deployments.layers.deadline import deadline
from deployments.nodes.brown_out.moved import with_moved
from deployments.nodes.canary.tally import canary_reports
from deployments.nodes.model import ModelNode
from deployments.objectives.tally import GoalTally
from deployments.remote.model import RemoteModel
from deployments.remote.transport import Remotes, RemoteTransport
from deployments.request import Endpoint
from deployments.signals import FleetView, GatewaySignals, PoolState
from deployments.strict import nearest
from deployments.telemetry.breakers import BreakerCollector
from deployments.telemetry.canaries import CanaryCollector
from deployments.telemetry.demand import Demand
from deployments.telemetry.goals import GoalCollector
from deployments.telemetry.metrics import Metrics
from deployments.telemetry.pool_demand import DemandCollector
from deployments.telemetry.records import Keep
from deployments.telemetry.records_writer import RecordWriter
from deployments.telemetry.scaling import ScalingCollector
from deployments.telemetry.startup import StartupCollector
from deployments.telemetry.traces import Traces
from deployments.tenancy.accounting.tariff import Tariff


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One consistent set of settings and the nodes made of them; a request keeps the one that it began with.

    ``loaded`` names the models with an adapter that was loaded at run time, for which ``leaf`` makes a node. ``door``
    is where callers are let in, None where everybody is; ``prices`` are by model, ``ends`` the models that a request
    for a graph's node may end at.
    """

    settings: GatewaySettings
    nodes: Mapping[str, Node]
    able: Mapping[str, frozenset[Endpoint]]
    loaded: Callable[[], frozenset[str]]
    leaf: Callable[[str], Node]
    fingerprint: str
    door: Door | None = None
    prices: Mapping[str, Tariff] = field(default_factory=dict)
    ends: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def ends_of(self, name: str) -> frozenset[str]:
        """Return the models that a request for *name* may end at."""
        known = self.ends.get(name)
        return reachable(name, self.settings.graph) if known is None else known

    def entry(self, name: str) -> tuple[str, Node]:
        """Return the node that answers for *name*, or for no name the default, and its name."""
        chosen = name or self.settings.default
        if chosen in self.nodes:
            return chosen, self.nodes[chosen]
        loaded = self.loaded()
        if chosen in loaded:
            return chosen, self.leaf(chosen)
        known = {*self.nodes, *loaded}
        raise UnknownModel(f"model: there is no {chosen[:200]!r}; {nearest(chosen, known)}", param="model")


class Gateway:
    """One gateway process.

    ``fleet`` returns the fleet controller's last word, None before the first; ``heard`` says whether it is still
    heard. ``clock`` is monotonic, ``utc_now`` is the wall clock. ``records`` is the folder that nodes may keep records
    in, ``answers`` the one for answers that may be given again, ``audit`` the one of the audit trail.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        transport: Transport,
        *,
        name: str = "gateway",
        fleet: Callable[[], FleetView | None],
        heard: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = _utc_now,
        traces: Traces | None = None,
        records: Path | None = None,
        answers: Path | None = None,
        audit: Path | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.utc_now = utc_now
        self.metrics = Metrics()
        self.metrics.fleet.register(StartupCollector(fleet))
        self.traces = traces or Traces(None)
        self.spending = Spending(name, wall=lambda: utc_now().timestamp())
        self._records = RecordWriter(records, name, self.metrics.recorded)
        self.started_at_s = int(utc_now().timestamp())
        self._transport = transport
        self._fleet = fleet
        self._demand = Demand(clock, self.metrics.first_token_by_edge, self._pool)
        self.metrics.registry.register(DemandCollector(self._demand.read, self._promising))
        self.goals = GoalTally()
        self.metrics.registry.register(GoalCollector(self.goals.read))
        self.turnstile = Turnstile()
        self._background = Background()
        self._remotes = Remotes(clock, self.metrics.layers)
        self._memory: dict[str, object] = {}
        self._answers_folder = answers
        self.auditing = Auditing(audit, name, self.metrics.audit, clock)
        self._closing: set[asyncio.Task[None]] = set()
        self.entrance = Entrance(clock, overran=self.metrics.overran)
        self.answers, self._answers_as = self._open_answers(settings.cache), settings.cache
        self.forgetter = Forgetter(lambda: self.answers)
        self.metrics.registry.register(BreakerCollector(self._memory, clock))
        self._view: FleetView | None = None
        self._seen_ready = False
        self.metrics.fleet.register(CanaryCollector(self._last_view))
        self.metrics.fleet.register(ScalingCollector(self._last_view, lambda: utc_now().timestamp(), heard))
        self.exposition = Exposition(name, self.metrics, self._last_view)
        self.live = self._compile(settings)

    def reconfigure(self, settings: GatewaySettings) -> None:
        """Swap the graph and the limits at once; requests under way keep theirs."""
        self.live = self._compile(settings, reached_for_s=self.live.settings.request_timeout)

    def signals(self, now_s: float) -> GatewaySignals:
        """Report the demand on every pool; *now_s* is Unix time."""
        return GatewaySignals(
            gateway=self.name,
            at_s=now_s,
            pools=with_moved(self._demand.read(), self._memory),
            settings=self.live.fingerprint,
            canaries=canary_reports(self.live.settings.graph, self._memory),
            audit=self.auditing.told(),
            forgotten=self.forgetter.done,
            address=self.exposition.place.address,
            key=self.exposition.place.key,
            goals=self.goals.read(),
        )

    def finish(self, exchange: Exchange, outcome: str) -> None:
        """Count a request that has ended, hold it against the goals, log it and trace it."""
        exchange.finish(outcome, self.metrics, self.traces, self.goals)

    def fails_over(self, pool: str) -> bool:
        """Say whether a stream that broke in *pool* may go on at another of its replicas."""
        entry = self.live.settings.models.get(pool)
        return entry is not None and entry.failover

    def readiness(self) -> Readiness:
        """Say whether this gateway should be sent traffic."""
        settings, view = self.live.settings, self._last_view()
        self._seen_ready = self._seen_ready or (view is not None and not missing_at_start(settings, view))
        verdict = self.auditing.judged(judge(settings, view, started=self._seen_ready, draining=settings.draining))
        fault = self.live.door.fault if self.live.door is not None else ""
        return replace(verdict, ready=False, reason=fault) if verdict.ready and fault else verdict

    def view(self) -> FleetView | None:
        """Return the controller's last word, None before the first."""
        return self._last_view()

    async def close(self) -> None:
        """End what runs beside requests."""
        await self._background.close()
        await self.entrance.close()
        await self.forgetter.close()
        await asyncio.gather(self.answers.close(), *self._closing)
        await self.auditing.close()
        await self._remotes.close()
        await asyncio.to_thread(self._records.close)

    def _pool(self, name: str) -> PoolState | None:
        view = self._last_view()
        return view.pools.get(name) if view is not None else None

    def _promising(self) -> Iterator[str]:
        view = self._last_view()
        for name, pool in view.pools.items() if view is not None else ():
            if pool.ttft_target_s is not None or pool.tpot_target_s is not None:
                yield name

    def _last_view(self) -> FleetView | None:
        """Return the controller's last word.

        A controller that starts anew knows no pools for a while; what the last one said holds until then.
        """
        told = self._fleet()
        self._view = told if told is not None and told.pools else self._view
        return self._view

    def _compile(self, settings: GatewaySettings, reached_for_s: float = 0.0) -> Live:
        """Return what *settings* come to; requests may reach the graph before it for another *reached_for_s*."""
        kept = ((name, getattr(spec, "keep", None)) for name, spec in settings.graph.items())
        self._records.follow({name: keep for name, keep in kept if isinstance(keep, Keep)})
        answers = self._answers_of(settings.cache)
        costs = Costs(rates(settings), self.spending, self.metrics.costs)
        surroundings = Wiring(
            costs=costs,
            observe=self.metrics.edge,
            hidden=self.metrics.hidden,
            traced=self.traces.node,
            meters=self.metrics.layers,
            clock=self.clock,
            fleet=self._last_view,
            background=self._background,
            records=self._records.add,
            shadowed=self.metrics.shadowed,
            memory=self._memory,
            identity=settings.identity,
            gives=composition(settings).gives,
            answers=answers,
        )
        remotes: dict[str, RemoteModel] = {}
        transport = RemoteTransport(remotes, self._transport)
        nodes = compile_graph(
            settings.graph, settings.model_names(), transport, demand=self._demand, surroundings=surroundings
        )
        limit, record = deadline(self.clock), self.auditing.layer(settings, reached_for_s=reached_for_s)
        live = Live(
            settings=settings,
            nodes={name: stack(node, limit, record, costed) for name, node in nodes.items()},
            able=abilities(settings),
            loaded=self._loaded,
            leaf=lambda name: stack(
                self.traces.node(name, "model", ModelNode(name, transport, self._demand, costs)), limit, record, costed
            ),
            fingerprint=fingerprint(settings),
            door=self.entrance.follow(settings),
            prices=tariffs(settings),
            ends={name: reachable(name, settings.graph) for name in settings.graph},
        )
        # Nothing can fail any more that would leave the graph before in place, which needs its own models.
        remotes.update(self._remotes.follow(settings.remotes(), reached_for_s=reached_for_s))
        self._answer_from(answers, settings.cache)
        self._observe(settings)
        return live

    def _observe(self, settings: GatewaySettings) -> None:
        self.metrics.follow(name for name, model in settings.models.items() if model.remote is None)
        self.metrics.gen_ai.on = settings.telemetry.gen_ai_metrics
        self.goals.follow(settings.objectives)
        self.traces.settings = settings.telemetry.traces

    def _answers_of(self, settings: AnswersSettings) -> Answers:
        """Return the cache that *settings* ask for: the one that there is, unless they have changed."""
        return self.answers if settings == self._answers_as else self._open_answers(settings)

    def _answer_from(self, answers: Answers, settings: AnswersSettings) -> None:
        """Take *answers* into use, and close what was before."""
        before, self.answers, self._answers_as = self.answers, answers, settings
        if before is not answers:
            self.forgetter.begin_anew()
            # Work beside requests is bounded and is cancelled at the end; a cache must be closed all the same.
            task = asyncio.get_running_loop().create_task(before.close(), name="closing an answer cache")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _open_answers(self, settings: AnswersSettings) -> Answers:
        counted = self.metrics.layers.answer_store
        return opened(settings, self._answers_folder, clock=self.clock, counted=counted)

    def _loaded(self) -> frozenset[str]:
        """Return the models with an adapter that was loaded at run time, by the controller's last word."""
        view = self._last_view()
        pools = view.pools.items() if view is not None else ()
        return frozenset(served_name(pool, adapter) for pool, state in pools for adapter in state.adapters)
