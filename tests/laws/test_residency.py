"""A tenant that stays local: through random graphs, with any faults, nothing of it reaches another server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.checks.residency import Residency
from deployments.errors import EngineFailed, ServingError, StaysLocal
from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from deployments.graph.spec import parse_graph
from deployments.remote import model as remote_model
from deployments.request import Context, Frame, Request
from deployments.signals import FleetView, PoolState
from deployments.standing import ALONE, Standing
from tests.deployments.leap import leap
from tests.laws.drawn import SECTIONS, graphs
from tests.laws.test_laws import ASKS, FAULTY, Ask
from tests.laws.world import NOON, POOLS, Fault, World, canaries, running

BANK = Standing(account="bank", prefixes="tenant bank", stays_local=True)
# Longer than what goes on in the background may take.
SETTLED_S = 10.0
REMOTE = {
    "family": "remote", "url": "http://127.0.0.1:9/v1", "model": "m", "endpoints": ["chat", "completion"],
    "logprobs": True,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def left() -> Iterator[list[str]]:
    """Stand where a request is handed to a connection, and remember whose it was; there is no server."""
    seen: list[str] = []

    async def leaves(name: str, *_: Any) -> AsyncGenerator[Frame]:
        seen.append(name)
        raise EngineFailed(f"{name} cannot be reached")
        yield Frame(data=b"")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remote_model, "streamed", leaves)
        patch.setattr(remote_model, "whole", leaves)
        yield seen


def serving(world: World, graph: Mapping[str, Any], away: Collection[str], *, stage: int, share: float) -> Gateway:
    """Return a gateway for which the models *away* are other servers'."""
    models = {name: {"family": "remote", "remote": REMOTE} if name in away else {"family": name} for name in POOLS}
    told = GatewaySettings.model_validate({
        "models": models, "graph": graph, "default": "dense", "request_timeout": 30.0, "remote_hosts": ["127.0.0.1:9"],
    })  # fmt: skip
    view = FleetView(
        at_s=0.0,
        pools={name: PoolState(ready=1, target=1, starting=0) for name in POOLS},
        canaries=dict(canaries(graph, stage)),
        brown_out=dict.fromkeys(POOLS, share),
    )
    return Gateway(told, world, fleet=lambda: view, clock=asyncio.get_running_loop().time, utc_now=lambda: NOON)


async def outcomes(
    graph: Mapping[str, Any], away: Collection[str], asks: Sequence[Ask], standing: Standing,
    faults: Mapping[str, Sequence[Fault]], *, stage: int, share: float,
) -> list[str]:  # fmt: skip
    """Return how each request ended, "ok" or an error's code, once all that they began has come to an end."""
    entry = list(graph)[-1]
    async with running(faults) as world:
        served = serving(world, graph, away, stage=stage, share=share)

        async def one(number: int, ask: Ask) -> str:
            await asyncio.sleep(ask.at_s)
            request = Request(
                endpoint="completion" if ask.completion else "chat", model=entry, body=ask.body(entry),
                stream=ask.stream,
            )  # fmt: skip
            context = Context(
                request_id=f"r{number}", deadline_s=asyncio.get_running_loop().time() + 30, now=NOON,
                headers=ask.headers, standing=standing,
            )  # fmt: skip
            try:
                async for _ in served.live.nodes[entry](request, context):
                    pass
            except ServingError as error:
                return error.code
            except ValueError:
                return "crash"  # a fault that was asked for
            return "ok"

        told = await asyncio.gather(*(one(number, ask) for number, ask in enumerate(asks)))
        await asyncio.sleep(SETTLED_S)
        await served.close()
        return told


AWAY = st.sets(st.sampled_from(POOLS), min_size=1)
SOME = st.lists(ASKS, min_size=1, max_size=3)


@pytest.mark.parametrize("kind", sorted(SECTIONS))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_nothing_of_it_leaves(kind: str, left: list[str], data: st.DataObject) -> None:
    """By no branch, hedge, shadow, fallback, judge, canary or stand-in, whatever the models of this cluster do."""
    graph, away = data.draw(graphs(kind), label="graph"), data.draw(AWAY, label="the others' models")
    asks, faults = data.draw(SOME, label="asks"), data.draw(FAULTY, label="faults")
    stage, share = data.draw(st.sampled_from([0, 3]), label="stage"), data.draw(st.sampled_from([0.0, 1.0]))
    left.clear()
    leap(outcomes(graph, away, asks, BANK, faults, stage=stage, share=share))
    assert left == []


@pytest.mark.parametrize("kind", sorted(SECTIONS))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_what_the_check_says_of_a_graph_is_what_happens(kind: str, left: list[str], data: st.DataObject) -> None:
    """A name that has only remote answers refuses all; one that is sure refuses nothing for that reason."""
    graph, away = data.draw(graphs(kind), label="graph"), data.draw(AWAY, label="the others' models")
    residency, entry = Residency(parse_graph(graph), away), list(graph)[-1]
    asks = data.draw(SOME, label="asks")
    stage, share = data.draw(st.sampled_from([0, 3]), label="stage"), data.draw(st.sampled_from([0.0, 1.0]))
    told = leap(outcomes(graph, away, asks, BANK, {}, stage=stage, share=share))
    assert left == []
    if residency.away(entry):
        assert "ok" not in told
    if residency.sure(entry):
        assert StaysLocal.code not in told


def test_another_tenant_reaches_them(left: list[str]) -> None:
    """Or the laws above would hold of anything."""
    graph = {"entry": {"fallback": ["moe", "dense"]}}
    for standing, reached in ((BANK, []), (ALONE, ["moe"])):
        left.clear()
        told = leap(outcomes(graph, {"moe"}, [Ask()], standing, {}, stage=0, share=0.0))
        assert (told, left) == (["ok"], reached)
    left.clear()
