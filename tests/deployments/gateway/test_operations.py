"""What operators and the controller see of a gateway, and how it changes while it runs."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from deployments.errors import Overloaded
from deployments.gateway.app import build_admin_app
from deployments.gateway.readiness import judge
from deployments.gateway.settings import GatewaySettings
from deployments.graph.reach import reachable
from deployments.graph.spec import parse_graph
from deployments.signals import FleetView, PoolState
from tests.deployments.gateway.building import GRAPH, ask, client, engines, fleet, gateway, settings, until
from tests.deployments.scripted import Hang, Scripted
from tests.exposition import exposition
from tests.logged import captured

CHAT = "/v1/chat/completions"


def judged(view: FleetView | None, *, started: bool = False, draining: bool = False, **changed: Any) -> bool:
    return judge(settings(**changed), view, started=started, draining=draining).ready


@pytest.mark.parametrize(
    ("view", "ready"),
    [(None, False), (fleet(moe=0), False), (fleet(), True), (FleetView(at_s=0.0, pools={}), False)],
)
def test_at_first_every_pool_must_be_ready(view: FleetView | None, ready: bool) -> None:
    """Nothing is sent here before all that must run does."""
    assert judged(view) is ready


@pytest.mark.parametrize(
    ("view", "ready"),
    [(fleet(dense=0, moe=0), True), (fleet(dense=0, moe=0, distilled=0), False), (fleet(distilled=0), True)],
)
def test_later_one_pool_that_the_default_reaches_is_enough(view: FleetView, ready: bool) -> None:
    """A lost pool does not take the others off the air."""
    assert judged(view, started=True) is ready


def test_a_pool_that_the_default_cannot_reach_does_not_count() -> None:
    """Ready means that a request without a model name is answered."""
    assert not judged(fleet(dense=0), started=True, default="dense")
    assert judged(fleet(dense=0), started=True, default="moe")


def test_a_pool_that_sleeps_counts_as_able() -> None:
    """A pool scaled to zero grows when a request comes; one that lost its replicas may not."""
    lost = PoolState(ready=0, target=1, starting=1)
    for state, ready in ((replace(lost, scaled_to_zero=True), True), (lost, False)):
        view = FleetView(at_s=0.0, pools={**fleet().pools, "dense": state})
        assert judged(view, started=True, default="dense") is ready


def test_reach_goes_through_the_whole_graph() -> None:
    """Every model that a request may end at, and no other."""
    graph = parse_graph(GRAPH)
    assert reachable("auto", graph) == {"dense", "moe", "distilled"}
    assert reachable("quick", graph) == {"distilled", "dense"}
    assert reachable("moe", graph) == {"moe"}


async def test_ready_remembers_that_all_were_once_ready() -> None:
    """The first condition is met once; a controller that knows nothing yet changes nothing."""
    views: list[FleetView | None] = [None, fleet(moe=0), fleet(), fleet(moe=0), FleetView(at_s=0.0, pools={}), None]
    waiting = iter(views)
    async with client(gateway(Scripted({}), lambda: next(waiting))) as calls:
        seen = [(await calls.get("/ready")).status_code for _ in views]
    assert seen == [503, 503, 200, 200, 200, 200]


async def test_a_gateway_that_drains_is_healthy_but_not_ready() -> None:
    """New requests are told to come back later; what the operator sees says why."""
    served = gateway(Scripted({"dense": [b"{}"]}))
    async with client(served) as calls:
        before = await calls.post(CHAT, json=ask(model="dense"))
        served.reconfigure(settings(draining=True))
        ready, health = await calls.get("/ready"), await calls.get("/health")
        answer = await calls.post(CHAT, json=ask(model="dense"))
    assert (ready.status_code, ready.json()["reason"]) == (503, "draining")
    assert ready.json()["pools"]["moe"]["ready"] == 1
    assert (before.status_code, health.status_code) == (200, 200)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "rejected")
    assert int(answer.headers["retry-after"]) >= 1


def metrics(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


async def test_metrics_count_what_happened() -> None:
    """Requests by outcome, tokens by kind, edges by how they ended, and every latency once."""
    async with engines() as transport, client(gateway(transport)) as calls:
        await calls.post(CHAT, json=ask(max_tokens=7))
        await calls.post(CHAT, json=ask(model="nobody"))
        await calls.post(CHAT, json=ask(model="dense", max_tokens=-1))
        answer = await calls.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    told = list(metrics(answer.text))
    assert {labels.pop("gateway") for _, labels, _ in told if "gateway" in labels} == {"test"}
    seen = {(name, *sorted(labels.items())): value for name, labels, value in told}
    ok = (("endpoint", "chat"), ("entry", "auto"), ("model", "distilled"), ("outcome", "ok"))
    assert seen["tercet_requests_total", *ok] == 1
    unknown = (("endpoint", "chat"), ("entry", "unknown"), ("model", ""))
    assert seen["tercet_requests_total", *unknown, ("outcome", "model_not_found")] == 1
    assert seen["tercet_requests_total", *unknown, ("outcome", "invalid_request")] == 1
    assert seen["tercet_tokens_total", ("kind", "completion"), ("model", "distilled")] == 7
    assert seen["tercet_tokens_total", ("kind", "prompt"), ("model", "distilled")] > 0
    assert seen["tercet_graph_edges_total", ("node", "quick"), ("outcome", "ok"), ("target", "distilled")] == 1
    assert seen["tercet_ttft_seconds_count", ("entry", "auto"), ("model", "distilled")] == 1
    assert seen["tercet_overhead_seconds_count", ("model", "distilled")] == 1
    assert seen["tercet_time_per_output_token_seconds_count", ("model", "distilled")] == 1
    assert seen["tercet_requests_active", ("endpoint", "chat")] == 0


@pytest.mark.parametrize(
    ("changed", "clients"),
    [
        ({}, 200),
        ({"loopback": False}, 200),
        ({"admin": {"port": 1}}, 200),
        ({"loopback": False, "admin": {"port": 1}}, 403),
    ],
)
async def test_metrics_are_the_operators_where_they_have_a_port(changed: dict[str, Any], clients: int) -> None:
    """A port that other machines reach may be published, with everybody's figures on it."""
    served = gateway(Scripted({}), **changed)
    operators = httpx.AsyncClient(transport=httpx.ASGITransport(app=build_admin_app(served)), base_url="http://gateway")
    async with client(served) as calls, operators:
        assert (await calls.get("/metrics")).status_code == clients
        assert (await operators.get("/metrics")).status_code == 200
        assert (await calls.get("/ready")).status_code == 200


async def test_labels_hold_only_configured_names() -> None:
    """A client cannot make series by asking for names."""
    served = gateway(Scripted({}))
    async with client(served) as calls:
        for number in range(20):
            await calls.post(CHAT, json=ask(model=f"made-up-{number}"))
    assert "made-up" not in exposition(served.metrics).decode()


async def test_signals_count_the_demand_on_every_pool() -> None:
    """Arrivals, refusals and what is under way, by pool, for the controller."""
    transport = Scripted({"dense": [Overloaded("full")], "moe": [Hang()]})
    served = gateway(transport)
    async with client(served) as calls:
        asking = asyncio.create_task(calls.post(CHAT, json=ask(model="careful")))
        await until(lambda: "open moe" in transport.log)
        signals = served.signals(now_s=123.0)
        asking.cancel()
        await asyncio.wait([asking])
    assert (signals.gateway, signals.at_s) == ("test", 123.0)
    dense, moe = signals.pools["dense"], signals.pools["moe"]
    assert (dense.arrivals_total, dense.refused_total, dense.in_flight) == (1, 1, 0)
    assert (moe.arrivals_total, moe.refused_total, moe.in_flight, moe.held) == (1, 0, 1, 1)


async def test_a_new_graph_is_for_new_requests() -> None:
    """A request keeps the graph that it began with; the next one sees the new names and the default."""
    release = asyncio.Event()

    class Waiting(Scripted):
        async def stream(self, pool: str, *args: Any) -> Any:
            await release.wait()
            async for frame in super().stream(pool, *args):
                yield frame

    transport = Waiting({"dense": [b"{}"], "moe": [b"{}"]})
    served = gateway(transport, graph={"auto": {"switch": [{"to": "dense"}]}})
    async with client(served) as calls:
        before = asyncio.create_task(calls.post(CHAT, json=ask()))
        await until(lambda: served.signals(0).pools.get("dense") is not None)
        served.reconfigure(settings(graph={"other": {"switch": [{"to": "moe"}]}}, default="other"))
        release.set()
        after = await calls.post(CHAT, json=ask())
        gone = await calls.post(CHAT, json=ask(model="auto"))
        first = await before
    assert first.headers["x-tercet-path"] == "auto>dense"
    assert after.headers["x-tercet-path"] == "other>moe"
    assert gone.status_code == 404


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"default": "nobody"}, "default: no model"),
        ({"graph": {"auto": {"fallback": ["nobody"]}}}, "graph.auto.fallback.0: no model"),
        ({"graph": {"auto": {"fallback": ["b"]}, "b": {"fallback": ["auto"]}}}, "auto -> b -> auto is a cycle"),
        ({"graph": {"auto": {"fallback": ["moe"]}, "dense": {"fallback": ["moe"]}}}, "is also the name of a model"),
        ({"models": {}}, "models"),
        ({"max_bodi": 3}, "did you mean max_body?"),
    ],
)
def test_settings_that_cannot_work_are_refused(changed: dict[str, Any], reason: str) -> None:
    """A gateway never starts on, or changes to, a graph that would fail at a request."""
    with pytest.raises(ValidationError, match=reason):
        settings(**changed)


def test_settings_travel_as_json() -> None:
    """What is written for the wire reads back as the same settings."""
    one = settings()
    assert GatewaySettings.model_validate(json.loads(one.model_dump_json())) == one


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    with captured() as lines:
        yield lines


async def test_each_request_is_one_line_of_json_without_its_words(logged: io.StringIO) -> None:
    """The log says who answered, how and how long; what was asked and answered is nobody's business."""
    async with client(gateway(Scripted({"dense": [b'{"private": 1}']}))) as calls:
        await calls.post(CHAT, json=ask("my secret", model="dense"), headers={"x-request-id": "r1"})
        await calls.post(CHAT, json=ask("my secret", model="nobody"))
    first, second = (json.loads(line) for line in logged.getvalue().splitlines())
    assert first["event"] == "request"
    told = {
        key: first[key] for key in ("request_id", "entry", "model", "path", "status", "outcome", "completion_tokens")
    }
    assert told == {
        "request_id": "r1", "entry": "dense", "model": "dense", "path": "dense", "status": 200, "outcome": "ok",
        "completion_tokens": 1,
    }  # fmt: skip
    assert first["duration_s"] >= first["ttft_s"] >= 0
    assert (second["status"], second["outcome"], second["model"]) == (404, "model_not_found", None)
    assert "secret" not in logged.getvalue()
    assert "private" not in logged.getvalue()


async def test_a_crash_is_logged_with_its_request(logged: io.StringIO) -> None:
    """The traceback that the client does not see is found by the id that it does."""
    async with client(gateway(Scripted({"dense": [RuntimeError("boom")]}))) as calls:
        answer = await calls.post(CHAT, json=ask(model="dense"))
    crash = next(line for line in map(json.loads, logged.getvalue().splitlines()) if line["event"] == "request_crashed")
    assert crash["request_id"] == answer.headers["x-request-id"]
    assert "boom" in crash["traceback"]
    assert logging.getLevelName(crash["level"].upper()) == logging.ERROR


def test_the_gateway_imports_nothing_heavy() -> None:
    """A gateway process holds no engine's libraries."""
    code = "import sys, deployments.gateway.app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    heavy = {"ray", "vllm", "torch", "transformers", "pandas", "numpy", "tokenizers"}
    assert heavy.isdisjoint(loaded.split())
