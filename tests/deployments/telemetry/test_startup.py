"""How long starts took is scraped from the gateway as it is now known."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from deployments.signals import FleetView, PoolState
from deployments.telemetry.startup import StartupCollector


def scraped(view: FleetView | None) -> list[str]:
    registry = CollectorRegistry()
    registry.register(StartupCollector(lambda: view))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_a_gauge_by_pool_and_stage() -> None:
    """A pool that has not started yet has none."""
    started = PoolState(ready=1, target=1, starting=0, startup=(("process", 2.0), ("imports", 9.5)))
    starting = PoolState(ready=0, target=1, starting=1)
    assert scraped(FleetView(at_s=0.0, pools={"dense": started, "moe": starting})) == [
        'tercet_replica_startup_seconds{pool="dense",stage="process"} 2.0',
        'tercet_replica_startup_seconds{pool="dense",stage="imports"} 9.5',
    ]


def test_nothing_before_the_controller_has_spoken() -> None:
    """A scrape then still answers."""
    assert scraped(None) == []
