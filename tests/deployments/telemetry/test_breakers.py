"""Circuit breakers as a gauge."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import EngineFailed
from deployments.telemetry.breakers import BreakerCollector
from tests.deployments.gateway.building import ask, client, engines, gateway
from tests.deployments.leap import leap
from tests.deployments.scripted import Scripted, collect, compiled
from tests.exposition import exposition


def test_tells_the_state_of_every_target() -> None:
    """0 closed, 1 half-open, 2 open, as of the moment of the scrape."""
    memory: dict[str, object] = {"something else": 1}
    now_s = 0.0
    registry = CollectorRegistry()
    registry.register(BreakerCollector(memory, lambda: now_s))
    transport = Scripted({"dense": [EngineFailed("died")], "moe": [b"b"]})
    graph = {"f": {"fallback": ["dense", "moe"], "breaker": {"consecutive": 1, "open": "5s"}}}
    leap(collect(compiled(graph, transport, memory=memory, clock=lambda: now_s)["f"]))
    assert b'tercet_breaker_state{target="dense"} 2.0' in generate_latest(registry)
    assert b'tercet_breaker_state{target="moe"} 0.0' in generate_latest(registry)
    now_s = 5.0
    assert b'tercet_breaker_state{target="dense"} 1.0' in generate_latest(registry)


async def test_a_gateway_shows_its_breakers_and_its_hidden_tokens() -> None:
    """In one scrape with everything else."""
    dead = SyntheticSpec.model_validate({"faults": {"die_after_tokens": 1}})
    graph = {"f": {"fallback": ["dense", "moe"], "breaker": {"consecutive": 2, "open": "1h"}}}
    async with engines(dense=dead) as transport:
        served = gateway(transport, graph=graph, default="f")
        async with client(served) as calls:
            paths = [
                (await calls.post("/v1/chat/completions", json=ask(max_tokens=2))).headers["x-tercet-path"]
                for _ in range(3)
            ]
            served.metrics.hidden("f", 3)
            shown = exposition(served.metrics).decode()
    assert paths[-1] == "f>dense!circuit_open>moe"
    assert 'tercet_breaker_state{target="dense"} 2.0' in shown
    assert 'tercet_graph_edges_total{node="f",outcome="circuit_open",target="dense"} 1.0' in shown
    assert 'tercet_graph_hidden_tokens_total{node="f"} 3.0' in shown
