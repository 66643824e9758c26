"""One exposition of several gateways and replicas, fetched over real connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass

import grpc
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from deployments.gateway.gateway import Gateway
from deployments.pool import scraping
from deployments.pool.listener import Listener
from deployments.pool.scraped import METHOD, ScrapePoint
from deployments.pool.scraping import Scraping
from deployments.pool.wire import KEY, Load
from deployments.signals import FleetView, GatewayPlace, PoolState, ReplicaPlace, ReplicaSignals
from deployments.telemetry.cluster_scrape import Gathered
from deployments.telemetry.engine_series import EngineSeries
from deployments.telemetry.exposition import Form
from tests.deployments.gateway.building import client, settings
from tests.deployments.scripted import Scripted

HOST = "127.0.0.1"


def signals(replica: str) -> ReplicaSignals:
    return ReplicaSignals(pool="dense", replica=replica, at_s=0.0, stage="ready", stage_since_s=0.0, running=3)


@dataclass(slots=True)
class Cluster:
    """Two gateways and two replicas; ``view`` is what the controller tells of them."""

    gateways: list[Gateway]
    view: FleetView
    points: list[ScrapePoint]


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    async with AsyncExitStack() as stack:
        both = Cluster([], FleetView(at_s=0.0, pools={}), [])
        for name in ("g0", "g1"):
            one = Gateway(settings(), Scripted({}), name=name, fleet=lambda: both.view)
            stack.push_async_callback(one.close)
            point = ScrapePoint(one.exposition.own)
            await point.start(HOST)
            stack.push_async_callback(point.close)
            one.exposition.place = GatewayPlace(gateway=name, address=point.address, key=point.key)
            one.exposition.gather = Scraping(name, lambda: both.view, within_s=2.0)
            one.exposition.siblings = Scraping(name, lambda: both.view, within_s=2.0, gateways=True)
            both.gateways.append(one)
            both.points.append(point)
        replicas = []
        for name in ("r0", "r1"):
            told = EngineSeries("dense", name, lambda name=name: signals(name))  # type: ignore[misc]
            listener = Listener(lambda _: None, lambda _: Load(), scraped=told)  # type: ignore[arg-type,return-value]
            await listener.start(HOST)
            stack.push_async_callback(listener.close)
            replicas.append(ReplicaPlace(replica=name, address=listener.address, key=listener.key))
        pool = PoolState(ready=2, target=2, starting=0, replicas=tuple(replicas), ttft_target_s=2.0)
        places = tuple(one.exposition.place for one in both.gateways)
        both.view = FleetView(at_s=0.0, pools={"dense": pool}, gateways=places, node="10.0.0.9")
        yield both


def samples(text: str) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items())))
            assert key not in found, key
            found[key] = sample.value
    return found


async def test_any_gateway_tells_of_all() -> None:
    """Each process under its own name, the fleet's series once, whoever is asked."""
    async with cluster() as both:
        for one in both.gateways:
            one.metrics.hidden("n", 3)
            async with client(one) as calls:
                found = samples((await calls.get("/metrics")).text)
            assert {key for key in found if key[0] == "tercet_engine_running"} == {
                ("tercet_engine_running", "pool=dense", f"replica={name}") for name in ("r0", "r1")
            }
            assert found["tercet_autoscale_ready", "pool=dense"] == 2
            assert found["tercet_exposition_processes", "kind=gateway", "outcome=told"] == 2
            assert found["tercet_exposition_processes", "kind=replica", "outcome=told"] == 2
            assert found["tercet_exposition_processes", "kind=replica", "outcome=missing"] == 0
        for name in ("g0", "g1"):
            assert found["tercet_graph_hidden_tokens_total", f"gateway={name}", "node=n"] == 3
            assert found["tercet_slo_judged_total", f"gateway={name}", "pool=dense"] == 0
            assert found["tercet_slo_within_total", f"gateway={name}", "pool=dense"] == 0


async def test_a_process_that_is_gone_is_counted_and_not_waited_for() -> None:
    """The others are there all the same."""
    async with cluster() as both:
        await both.points[1].close()
        async with client(both.gateways[0]) as calls:
            found = samples((await calls.get("/metrics")).text)
    assert found["tercet_exposition_processes", "kind=gateway", "outcome=missing"] == 1
    assert found["tercet_exposition_processes", "kind=gateway", "outcome=told"] == 1
    assert found["tercet_engine_running", "pool=dense", "replica=r1"] == 3


async def test_many_that_hang_are_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few are asked at a time: a scraper's patience is for the whole."""
    monkeypatch.setattr(scraping, "AT_ONCE", 1)
    with closing(socket.create_server((HOST, 0))) as mute:
        address = f"{HOST}:{mute.getsockname()[1]}"
        places = tuple(GatewayPlace(gateway=f"g{number}", address=address, key="k") for number in range(20))
        view = FleetView(at_s=0.0, pools={}, gateways=places)
        async with asyncio.timeout(8):
            told = await Scraping("own", lambda: view, within_s=0.5)("text")
    assert told.counts == {("gateway", "missing"): 20}


async def test_one_machine_s_part() -> None:
    """Each process is on one machine, and what the controller says on its own."""
    async with cluster() as both, client(both.gateways[0]) as calls:
        here = samples((await calls.get("/metrics", params={"node": HOST})).text)
        controller = samples((await calls.get("/metrics", params={"node": "10.0.0.9"})).text)
        elsewhere = samples((await calls.get("/metrics", params={"node": "10.0.0.7"})).text)
    names = [{key[0] for key in part} for part in (here, controller, elsewhere)]
    assert "tercet_engine_running" in names[0]
    assert "tercet_autoscale_ready" not in names[0]
    assert "tercet_autoscale_ready" in names[1]
    assert "tercet_engine_running" not in names[1]
    assert names[2] == {"tercet_exposition_processes"}


async def test_scrapers_at_the_same_time_share_one_fetch() -> None:
    """Also when one of them leaves."""
    async with cluster() as both:
        fetches, gather = 0, both.gateways[0].exposition.gather

        async def counted(form: Form, node: str = "") -> Gathered:
            nonlocal fetches
            fetches += 1
            return await gather(form, node)

        both.gateways[0].exposition.gather = counted
        asked = [asyncio.create_task(both.gateways[0].exposition.whole("text")) for _ in range(5)]
        await asyncio.sleep(0)
        asked[0].cancel()
        told = await asyncio.gather(*asked[1:])
        assert len(set(told)) == 1
        assert fetches == 1
        await both.gateways[0].exposition.whole("text")
        assert fetches == 2


async def test_openmetrics_is_written_for_who_asks_for_it() -> None:
    """With one end, and every family once: the format's own parser is strict about both."""
    accept = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
    async with cluster() as both, client(both.gateways[0]) as calls:
        both.gateways[1].metrics.hidden("n", 2)
        answer = await calls.get("/metrics", headers=accept)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    names = [family.name for family in openmetrics_families(answer.text)]
    assert len(names) == len(set(names))
    assert {"tercet_graph_hidden_tokens", "tercet_engine_running", "tercet_autoscale_ready"} <= set(names)


@pytest.mark.parametrize(
    ("key", "form", "code"), [("no", b"text", "UNAUTHENTICATED"), ("", b"html", "INVALID_ARGUMENT")]
)
async def test_nobody_else_is_answered(key: str, form: bytes, code: str) -> None:
    """Without the key, or with a form that there is not."""
    async with cluster() as both, grpc.aio.insecure_channel(both.points[0].address) as channel:
        sent = ((KEY, key or both.points[0].key),)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary(METHOD)(form, metadata=sent, timeout=5)
    assert refused.value.code().name == code


async def test_gateways_alone_are_asked_for_what_they_alone_know() -> None:
    """Only the samples that were asked for, each under its gateway's name."""
    async with cluster() as both:
        for at, one in enumerate(both.gateways):
            for _ in range(at + 1):
                one.metrics.edge("auto", "dense", "ok")
            one.metrics.answered(("auto", "dense"), 0.1)
        siblings = await both.gateways[0].exposition.siblings("text")
        samples = await both.gateways[0].exposition.samples(frozenset({"tercet_graph_edges_total"}))
    assert siblings.counts == {("gateway", "told"): 1}
    told = {(one.labels["gateway"], one.labels["target"]): (one.name, one.value) for one in samples}
    assert told == {
        ("g0", "dense"): ("tercet_graph_edges_total", 1.0),
        ("g1", "dense"): ("tercet_graph_edges_total", 2.0),
    }
