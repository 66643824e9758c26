"""The state of one gateway process: the live graph, the demand on it, and whether it takes traffic."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from deployments.errors import UnknownModel
from deployments.gateway.readiness import Readiness, judge, missing_at_start
from deployments.gateway.settings import GatewaySettings
from deployments.graph.compile import compile_graph
from deployments.graph.node import Node, stack
from deployments.graph.transport import Transport
from deployments.layers.deadline import deadline
from deployments.signals import FleetView, GatewaySignals
from deployments.strict import nearest
from deployments.telemetry.demand import Demand
from deployments.telemetry.metrics import Metrics


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One consistent set of settings and the nodes made of them; a request keeps the one that it began with."""

    settings: GatewaySettings
    nodes: Mapping[str, Node]

    def entry(self, name: str) -> tuple[str, Node]:
        """Return the node that answers for *name*, or for no name the default, and its name."""
        chosen = name or self.settings.default
        if chosen not in self.nodes:
            raise UnknownModel(f"model: there is no {chosen[:200]!r}; {nearest(chosen, self.nodes)}", param="model")
        return chosen, self.nodes[chosen]


class Gateway:
    """One gateway process.

    ``fleet`` returns the fleet controller's last word, None before the first. ``clock`` is monotonic, ``utc_now`` is
    the wall clock.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        transport: Transport,
        *,
        name: str = "gateway",
        fleet: Callable[[], FleetView | None],
        clock: Callable[[], float] = time.monotonic,
        utc_now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.name = name
        self.clock = clock
        self.utc_now = utc_now
        self.metrics = Metrics()
        self.started_at_s = int(utc_now().timestamp())
        self._transport = transport
        self._fleet = fleet
        self._demand = Demand(clock)
        self._view: FleetView | None = None
        self._seen_ready = False
        self.live = self._compile(settings)

    def reconfigure(self, settings: GatewaySettings) -> None:
        """Swap the graph and the limits at once; requests under way keep theirs."""
        self.live = self._compile(settings)

    def signals(self, now_s: float) -> GatewaySignals:
        """Report the demand on every pool; *now_s* is Unix time."""
        return GatewaySignals(gateway=self.name, at_s=now_s, pools=self._demand.read())

    def readiness(self) -> Readiness:
        """Say whether this gateway should be sent traffic.

        A controller that starts anew knows no pools for a while; what the last one said holds until then.
        """
        told = self._fleet()
        self._view = told if told is not None and told.pools else self._view
        settings, view = self.live.settings, self._view
        self._seen_ready = self._seen_ready or (view is not None and not missing_at_start(settings, view))
        return judge(settings, view, started=self._seen_ready, draining=settings.draining)

    def _compile(self, settings: GatewaySettings) -> Live:
        nodes = compile_graph(
            settings.graph, settings.models, self._transport, demand=self._demand, observe=self.metrics.edge
        )
        limit = deadline(self.clock)
        return Live(settings=settings, nodes={name: stack(node, limit) for name, node in nodes.items()})
