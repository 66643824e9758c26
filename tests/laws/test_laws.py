"""What holds for every request through every graph, whatever goes wrong: random graphs, faults and clients."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployments.adapters import split_name
from deployments.graph.spec import parse_graph, targets
from deployments.nodes.registry import KINDS
from tests.deployments.leap import leap
from tests.exposition import exposition
from tests.laws.drawn import SECTIONS, graphs
from tests.laws.world import POOLS, Fault, Told, call, gateway, running

LATE_S = 0.001
# How long closing may take, by the promise that everything stops within one second.
SETTLED_S = 1.0

FAULTS = ("none", "none", "refuse", "slow", "stall", "die", "crash", "garbage", "overload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One client: what it asks, when, and when it loses patience."""

    at_s: float = 0.0
    stream: bool = True
    completion: bool = False
    words: int = 3
    headers: Mapping[str, str] = field(default_factory=dict)
    leaves_after_s: float | None = None

    @property
    def path(self) -> str:
        return "/v1/completions" if self.completion else "/v1/chat/completions"

    def body(self, model: str) -> dict[str, Any]:
        text = " ".join(["word"] * self.words)
        said = {"prompt": text} if self.completion else {"messages": [{"role": "user", "content": text}]}
        usage = {"stream_options": {"include_usage": True}} if self.stream else {}
        return {"model": model, "stream": self.stream, "temperature": 0, "max_tokens": 8, **said, **usage}


ASKS = st.builds(
    Ask,
    at_s=st.sampled_from([0.0, 0.0, 0.05, 0.2]),
    stream=st.booleans(),
    completion=st.booleans(),
    words=st.sampled_from([3, 3, 400]),
    headers=st.sampled_from([{}, {"x-class": "a"}, {"x-tercet-batch": "yes"}, {"x-tenant-id": "t"}]),
    leaves_after_s=st.sampled_from([None, None, None, 0.0, 0.03, 0.1, 0.5]),
)
FAULTY = st.fixed_dictionaries({pool: st.lists(st.sampled_from(FAULTS), min_size=1, max_size=2) for pool in POOLS})


async def observe(
    graph: Mapping[str, Any],
    faults: Mapping[str, Sequence[Fault]],
    asks: Sequence[Ask],
    *,
    timeout_s: float,
    stage: int,
    share: float,
) -> None:
    """Send all requests through a gateway and hold it to the laws."""
    entry = list(graph)[-1]
    async with running(faults) as world:
        shares = dict.fromkeys(POOLS, share)
        served = gateway(world, graph, timeout_s=timeout_s, stage=stage, brown_out=shares)

        async def one(ask: Ask) -> Told:
            await asyncio.sleep(ask.at_s)
            return await call(
                served, ask.body(entry), path=ask.path, headers=ask.headers, leaves_after_s=ask.leaves_after_s
            )

        # A crowd keeps an overloaded engine busy; it is not one of the requests.
        others = len(asyncio.all_tasks())
        told = await asyncio.gather(*(one(ask) for ask in asks))
        await asyncio.sleep(SETTLED_S)
        background = len(served._background)
        assert world.open <= background, "a branch outlives its request"
        assert len(asyncio.all_tasks()) <= others + background * 4, "a task outlives its request"
        await served._background.close()
        assert world.open == 0, "work in the background outlives the gateway"
        garbled = any("garbage" in given_ for given_ in faults.values())
        for one_told in told:
            holds(one_told, graph, entry, timeout_s, garbled=garbled)
        if not garbled and not any("stop_after" in section for section in graph.values()):
            adds_up(told, exposition(served.metrics).decode())
        counted(exposition(served.metrics).decode(), len(asks))
    for pool in world.pools.values():
        signals = pool.engine.signals()
        assert signals.running == signals.waiting == 0, "an engine still works"


def holds(told: Told, graph: Mapping[str, Any], entry: str, timeout_s: float, *, garbled: bool) -> None:
    """Hold what one client was sent to the laws; what a *garbled* pool streams is passed on without being read."""
    assert told.took_s <= timeout_s + LATE_S, "a deadline does not hold"
    assert told.late == 0, "something followed the end"
    if told.left:
        return
    assert (told.starts, told.ends) == (1, 1)
    outcomes = told.terminals()
    if told.streamed:
        assert len(outcomes) == 1 or (garbled and not outcomes), "not one terminal event"
    else:
        assert (told.status == 200) == (outcomes == ["ok"]), "an answer and an error"
    if told.status == 200:
        walks(told.headers["x-tercet-path"].split(">"), told.headers["x-tercet-model"], graph, entry)


def walks(path: list[str], model: str, graph: Mapping[str, Any], entry: str) -> None:
    """Check that *path* leads along edges of the graph from the entry to the model that answered."""
    specs = parse_graph(graph)
    assert path[0] == entry
    assert path[-1] == model
    at = path[0]
    for step in path[1:]:
        name, _, failed = step.partition("!")
        assert name in {to for _, to in targets(specs[at])}, f"{at} does not lead to {name}"
        at = at if failed else split_name(name)[0]


def adds_up(told: Sequence[Told], metrics: str) -> None:
    """Usage is what was delivered: to each client, and over all of them.

    What a transform cuts off was generated and is counted, so that words and tokens differ.
    """
    for one in told:
        if not one.left and one.terminals() == ["ok"] and (usage := one.usage()) is not None:
            assert usage == one.words(), "usage is not what was delivered"
    if all(one.streamed and not one.left for one in told):
        assert series(metrics, "tercet_tokens_total", 'kind="completion"') == sum(one.words() for one in told)


def counted(metrics: str, requests: int) -> None:
    """Check that every request ended once."""
    assert series(metrics, "tercet_requests_total") == requests
    assert series(metrics, "tercet_requests_active") == 0
    assert series(metrics, "tercet_admission_waiting") == series(metrics, "tercet_admission_running") == 0


def series(metrics: str, name: str, label: str = "") -> float:
    """Return the sum of a series' values."""
    lines = [line for line in metrics.splitlines() if line.partition("{")[0] == name and label in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


@pytest.mark.parametrize("kind", sorted(SECTIONS))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_the_laws_hold(kind: str, data: st.DataObject) -> None:
    """For every kind of node, above and below any other, with any faults and clients that come and go."""
    graph = data.draw(graphs(kind), label="graph")
    faults = data.draw(FAULTY, label="faults")
    asks = data.draw(st.lists(ASKS, min_size=1, max_size=4), label="asks")
    timeout_s = data.draw(st.sampled_from([0.06, 1.0, 30.0]), label="timeout_s")
    stage = data.draw(st.sampled_from([0, 3]), label="the canaries' stage")
    share = data.draw(st.sampled_from([0.0, 0.5, 1.0]), label="the share that stand-ins take")
    leap(observe(graph, faults, asks, timeout_s=timeout_s, stage=stage, share=share))


def test_every_registered_kind_is_drawn() -> None:
    """A kind that no law has seen would be a kind without laws."""
    assert set(SECTIONS) == set(KINDS)
