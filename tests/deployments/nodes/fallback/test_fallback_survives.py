"""fallback: circuit breakers that nodes share, and a budget for work that is done twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deployments.errors import CircuitOpen, EngineFailed, Overloaded, ServingError
from deployments.graph.node import Node
from deployments.nodes.fallback.chain import BUDGET_SPENT
from deployments.request import Frame
from tests.deployments.leap import leap
from tests.deployments.scripted import Hang, Scripted, collect, compiled, context
from tests.deployments.turns import Turns

DIES = [EngineFailed("died")]
PATIENT = {"consecutive": 2, "open": "5s", "probes": 1}


def path_of(frames: list[Frame]) -> tuple[str, ...]:
    head = next(frame.head for frame in reversed(frames) if frame.head is not None)
    return head.path


async def asked(node: Node, times: int) -> list[tuple[str, ...]]:
    return [path_of(await collect(node, ctx=context(request_id=f"r{at}"))) for at in range(times)]


def test_a_target_that_keeps_failing_is_left_alone() -> None:
    """Once its circuit is open it is not even asked, and the path says so."""
    transport = Scripted({"dense": DIES, "moe": [b"b"]})
    node = compiled({"f": {"fallback": ["dense", "moe"], "breaker": PATIENT}}, transport)["f"]
    paths = leap(asked(node, 4))
    assert paths[1] == ("f", "dense!engine_failed", "moe")
    assert paths[2] == paths[3] == ("f", "dense!circuit_open", "moe")
    assert transport.log.count("open dense") == 2


def test_it_comes_back_after_a_probe() -> None:
    """After its time one request probes; its answer closes the circuit."""
    transport = Scripted({"dense": Turns(DIES, DIES, [b"a"]), "moe": [b"b"]})
    node = compiled({"f": {"fallback": ["dense", "moe"], "breaker": PATIENT}}, transport)["f"]

    async def story() -> list[tuple[str, ...]]:
        paths = await asked(node, 3)
        await asyncio.sleep(5)
        return paths + await asked(node, 2)

    assert leap(story())[2:] == [("f", "dense!circuit_open", "moe"), ("f", "dense"), ("f", "dense")]


def test_late_first_tokens_open_it_too() -> None:
    """A target that hangs costs the wait for a few requests, not for all."""
    transport = Scripted({"dense": [Hang()], "moe": [b"b"]})
    graph = {"f": {"fallback": ["dense", "moe"], "breaker": PATIENT, "timeout": {"first_token": "1s"}}}
    assert leap(asked(compiled(graph, transport)["f"], 3))[2] == ("f", "dense!circuit_open", "moe")


def test_refusals_say_nothing_of_its_health() -> None:
    """A full pool is at work: it goes on being asked, and answers as soon as it has room."""
    transport = Scripted({"dense": Turns(*[[Overloaded("full")]] * 9, [b"a"]), "moe": [b"b"]})
    node = compiled({"f": {"fallback": ["dense", "moe"], "breaker": PATIENT}}, transport)["f"]
    assert leap(asked(node, 10))[9] == ("f", "dense")


def test_nodes_and_new_graphs_share_what_is_known_of_a_target() -> None:
    """What one node found out the next one need not, nor the same node in the next graph."""
    transport, memory = Scripted({"dense": DIES, "moe": [b"b"]}), dict[str, object]()
    graph = {"f": {"fallback": ["dense", "moe"], "breaker": PATIENT}}
    other = {"g": {"fallback": ["dense", "moe"]}}

    async def story() -> list[tuple[str, ...]]:
        await asked(compiled(graph, transport, memory=memory)["f"], 2)
        return await asked(compiled(other, transport, memory=memory)["g"], 1)

    assert leap(story()) == [("g", "dense!circuit_open", "moe")]


def test_when_every_circuit_is_open_the_client_learns_when_to_come_back() -> None:
    """A refusal at once, with the time until the first probe."""
    transport = Scripted({"dense": DIES, "moe": DIES})
    node = compiled({"f": {"fallback": ["dense", "moe"], "breaker": PATIENT}}, transport)["f"]

    async def story() -> ServingError:
        errors = []
        for _ in range(3):
            with pytest.raises(ServingError) as caught:
                await collect(node)
            errors.append(caught.value)
            await asyncio.sleep(1)
        return errors[-1]

    error = leap(story())
    assert isinstance(error, CircuitOpen)
    assert error.retry_after_s == pytest.approx(4)


def test_a_breaker_can_be_switched_off() -> None:
    """Then every request tries the target."""
    transport = Scripted({"dense": DIES, "moe": [b"b"]})
    graph = {"f": {"fallback": ["dense", "moe"], "breaker": False, "retry_budget": {"share": "100%"}}}
    assert set(leap(asked(compiled(graph, transport)["f"], 30))) == {("f", "dense!engine_failed", "moe")}


def budgeted(script: Any, **options: Any) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return how twenty requests ended, and the edges, with a budget of a fifth of them and nothing saved."""
    transport, edges = Scripted({"dense": script, "moe": [b"b"]}), list[tuple[str, str, str]]()
    tight = {"share": "20%", "per_second": 0, "burst": 1}
    graph = {"f": {"fallback": ["dense", "moe"], "retry_budget": tight, "breaker": False, **options}}
    node = compiled(graph, transport, observe=lambda *edge: edges.append(edge))["f"]

    async def story() -> list[str]:
        ends = []
        for _ in range(20):
            try:
                ends.append(path_of(await collect(node))[-1])
            except ServingError as error:
                ends.append(error.message)
        return ends

    return leap(story()), edges


def test_only_a_share_of_requests_may_be_done_twice() -> None:
    """The one that was saved, and a fifth of the nineteen after; beyond, the first failure is the answer."""
    ends, edges = budgeted(DIES)
    assert ends.count("moe") == 4
    assert "the retry budget is spent, so moe was not asked" in ends[-1]
    assert edges.count(("f", "moe", BUDGET_SPENT)) == 16


def test_refusals_are_free() -> None:
    """Nobody worked on what was refused, so going on multiplies nothing."""
    assert budgeted([Overloaded("full")])[0] == ["moe"] * 20


def test_an_open_circuit_is_free() -> None:
    """A pool that is dead for sure does not take the budget with it."""
    ends = budgeted(DIES, breaker={"consecutive": 2, "open": "60s"})[0]
    assert ends.count("moe") == 20
