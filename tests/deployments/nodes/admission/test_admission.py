"""admission: who gets in when, what the refused are told, and that no place is ever lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import ValidationError

from deployments.errors import DeadlineExceeded, EngineFailed, Overloaded, ServingError, TooManyRequests
from deployments.gateway.error_formats import format_of
from deployments.gateway.wire_errors import error_response
from deployments.graph.node import Node
from deployments.graph.spec import parse
from deployments.graph.subject import Subject
from deployments.nodes.admission import kind as admission
from deployments.nodes.admission.gate import Gate
from deployments.request import Context, Frame
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context

CLASSES = {
    "interactive": {"priority": 10, "when": {"header": {"x-class": "interactive"}}},
    "batch": {},
}
URGENT = {"x-class": "interactive"}
SECOND: list[Act] = [Pause(1), b"a"]


class Meter:
    """Keeps what was told."""

    def __init__(self) -> None:
        self.waits: list[tuple[str, float]] = []
        self.refusals: list[tuple[str, str]] = []
        self.lengths: list[tuple[int, int]] = []

    def admitted(self, node: str, group: str, waited_s: float) -> None:
        self.waits.append((group, waited_s))

    def refused(self, node: str, group: str, reason: str) -> None:
        self.refusals.append((group, reason))

    def queue(self, node: str, waiting: int, running: int) -> None:
        self.lengths.append((waiting, running))


def built(acts: list[Act], memory: dict[str, object] | None = None, **options: Any) -> tuple[Node, Scripted, Meter]:
    transport, meter = Scripted({"dense": acts}), Meter()
    kept = {} if memory is None else memory
    graph = {"a": {"admission": "dense", **options}}
    return compiled(graph, transport, meters=meter, memory=kept)["a"], transport, meter


async def ended(node: Node, ctx: Context, order: list[str]) -> list[Frame] | ServingError:
    try:
        return await collect(node, chat(), ctx)
    except ServingError as error:
        return error
    finally:
        order.append(ctx.request_id)


def outcomes(node: Node, calls: Mapping[str, Context | dict[str, Any]]) -> tuple[list[str], dict[str, Any]]:
    """Return who ended in which order, and how; all calls come at once, in the order of their names here."""
    order: list[str] = []

    async def run() -> list[Any]:
        ctx = {name: context(request_id=name, **more) for name, more in calls.items()}  # type: ignore[arg-type]
        return await asyncio.gather(*(ended(node, ctx[name], order) for name in calls))

    return order, dict(zip(calls, leap(run()), strict=True))


def test_higher_classes_first_then_nearer_deadlines() -> None:
    """Of those who wait, the order of arrival decides last."""
    node, _, _ = built(SECOND, concurrent=1, classes=CLASSES)
    calls = {"first": {}, "far": {"deadline_s": 99.0}, "near": {"deadline_s": 9.0}, "urgent": {"headers": URGENT}}
    assert outcomes(node, calls)[0] == ["first", "urgent", "near", "far"]


def test_never_more_inside_than_may() -> None:
    """The pool sees at most so many at once."""
    node, transport, meter = built(SECOND, concurrent=2, queue=8)
    outcomes(node, {str(at): {} for at in range(10)})
    inside = most = 0
    for line in transport.log:
        inside += 1 if line.startswith("open") else -1
        most = max(most, inside)
    assert (most, inside) == (2, 0)
    assert meter.lengths[-1] == (0, 0)
    assert max(waiting for waiting, _ in meter.lengths) == 8


def test_the_head_tells_the_time_queued_and_the_path() -> None:
    """In milliseconds, 0 for whoever did not wait."""
    node, _, meter = built(SECOND, concurrent=1)
    _, results = outcomes(node, {"a": {}, "b": {}})
    heads = [results[name][0].head for name in "ab"]
    assert [head.notes["queued-ms"] for head in heads] == ["0.0", "1000.0"]
    assert heads[0].path == ("a", "dense")
    assert meter.waits == [("default", 0.0), ("default", 1.0)]


def test_waits_of_nested_admissions_add_up() -> None:
    """One header tells of all queues on the way."""
    transport = Scripted({"dense": SECOND})
    graph = {"a": {"admission": "b", "concurrent": 2}, "b": {"admission": "dense", "concurrent": 1}}
    _, results = outcomes(compiled(graph, transport)["a"], {"x": {}, "y": {}, "z": {}})
    assert [results[name][0].head.notes["queued-ms"] for name in "xyz"] == ["0.0", "1000.0", "2000.0"]


def test_the_class_sets_the_priority() -> None:
    """Further down the class goes on to count; without classes what was set before does."""
    node, transport, _ = built([b"a"], classes=CLASSES)
    outcomes(node, {"a": {"headers": URGENT}, "b": {}})
    assert [ctx.priority for _, ctx in transport.seen] == [10, 0]
    node, transport, _ = built([b"a"])
    outcomes(node, {"a": {"priority": 7}})
    assert transport.seen[0][1].priority == 7


def test_what_nobody_asked_for_gets_no_class_priority() -> None:
    """A mirrored request stays behind everyone's requests further down as well."""
    node, transport, _ = built([b"a"], classes=CLASSES)
    outcomes(node, {"mirror": {"headers": URGENT, "priority": -1000, "charged": False}})
    assert transport.seen[0][1].priority == -1000


UNASKED = {"priority": -1000, "charged": False}


def test_what_nobody_asked_for_gets_a_free_place_alone() -> None:
    """It waits for none, and is nobody's own: its tenant has as many places as before."""
    node, _, meter = built(SECOND, concurrent=2, per_tenant=1)
    order, results = outcomes(node, {"mirror": UNASKED, "another": UNASKED, "client": {}})
    assert isinstance(results["another"], TooManyRequests)
    assert sorted(order[1:]) == ["client", "mirror"]
    assert isinstance(results["client"], list)
    assert isinstance(results["mirror"], list)
    node, _, meter = built(SECOND, concurrent=1)
    _, results = outcomes(node, {"client": {}, "mirror": UNASKED})
    assert isinstance(results["mirror"], Overloaded)
    assert meter.refusals == [("unasked", "no_free_place")]


@pytest.mark.parametrize("acts", [[Hang()], [b"a", Hang()]])
def test_a_client_takes_the_place_of_what_nobody_asked_for(acts: list[Act]) -> None:
    """At once, though the queue takes nobody, and however long the mirrored request has been inside."""
    memory: dict[str, object] = {}
    held, _, meter = built(acts, memory, concurrent=1, queue=0, per_tenant=1)
    node, _, _ = built([b"a"], memory, concurrent=1, queue=0, per_tenant=1)

    async def run() -> None:
        mirror = asyncio.create_task(collect(held, chat(), context(**UNASKED)))  # type: ignore[arg-type]
        await asyncio.sleep(100)
        at_s = asyncio.get_running_loop().time()
        await collect(node, chat(), context())
        assert asyncio.get_running_loop().time() == at_s
        with pytest.raises(Overloaded, match="taken the place"):
            await mirror

    leap(run())
    assert meter.refusals == [("unasked", "displaced")]
    gate = memory["admission:a"]
    assert isinstance(gate, Gate)
    assert (gate.queue.waiting, len(gate.queue.running)) == (0, 0)
    assert not gate.queue.service.known or gate.queue.service.mean_s == 0


def test_beyond_the_queue_is_refused_with_advice() -> None:
    """503, and when to come back."""
    node, transport, meter = built(SECOND, concurrent=1, queue=1)
    _, results = outcomes(node, {"a": {}, "b": {}, "c": {}})
    assert isinstance(results["c"], Overloaded)
    response = error_response(results["c"])
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert meter.refusals == [("default", "queue_full")]
    assert transport.log.count("open dense") == 2


def test_a_callers_own_excess_is_429() -> None:
    """For OpenAI's clients and Anthropic's alike; another caller is served."""
    node, _, meter = built(SECOND, concurrent=4, per_tenant=1)
    _, results = outcomes(node, {"a": {"tenant": "x"}, "b": {"tenant": "x"}, "c": {"tenant": "y"}})
    assert isinstance(results["b"], TooManyRequests)
    assert isinstance(results["c"], list)
    assert [error_response(results["b"], form=format_of(kind)).status_code for kind in ("chat", "messages")] == [
        429,
        429,
    ]
    assert meter.refusals == [("default", "tenant_excess")]


def test_who_waits_too_long_is_refused() -> None:
    """503 after ``wait``; 504 where the request's own time is over first."""
    node, transport, meter = built([Hang()], concurrent=1, wait="5s")
    ctx = {"a": {}, "b": {}, "c": {"deadline_s": 2.0}}

    async def run() -> list[Any]:
        order: list[str] = []
        tasks = [asyncio.create_task(ended(node, context(request_id=name, **ctx[name]), order)) for name in ctx]
        results = await asyncio.gather(*tasks[1:])
        assert order == ["c", "b"]
        tasks[0].cancel()
        await asyncio.wait(tasks)
        return results

    waited, late = leap(run())
    assert [type(waited), type(late)] == [Overloaded, DeadlineExceeded]
    assert transport.log == ["open dense", "close dense"]
    assert meter.refusals == [("default", "waited_too_long")] * 2


def test_who_cannot_make_its_deadline_is_refused_at_once() -> None:
    """What service lately took tells how long the line is; nothing is waited for."""
    node, _, meter = built([Pause(4), b"a"], concurrent=1)

    async def run() -> None:
        await collect(node, chat(), context())
        tasks = [asyncio.create_task(collect(node, chat(), context())) for _ in range(2)]
        await asyncio.sleep(0)
        at_s = asyncio.get_running_loop().time()
        with pytest.raises(Overloaded) as caught:
            await collect(node, chat(), context(deadline_s=at_s + 7))
        assert asyncio.get_running_loop().time() == at_s
        assert caught.value.retry_after_s == 8.0
        await asyncio.gather(*tasks)

    leap(run())
    assert meter.refusals == [("default", "too_late")]


def test_a_displaced_request_is_told() -> None:
    """Whoever must make room for a higher class is refused as overloaded."""
    node, _, meter = built(SECOND, concurrent=1, queue=1, classes=CLASSES)
    order, results = outcomes(node, {"a": {}, "b": {}, "c": {"headers": URGENT}})
    assert isinstance(results["b"], Overloaded)
    assert order == ["b", "a", "c"]
    assert meter.refusals == [("batch", "displaced")]


@pytest.mark.parametrize("acts", [[EngineFailed("x")], [b"a", EngineFailed("x")], [Hang()], [b"a", Hang()]])
def test_every_way_out_gives_the_place_back(acts: list[Act]) -> None:
    """Errors, cancellations while inside and while waiting: afterwards all is empty."""
    memory: dict[str, object] = {}
    node, _, _ = built(acts, memory, concurrent=1, queue=5)

    async def run() -> None:
        tasks = [asyncio.create_task(collect(node, chat(), context())) for _ in range(4)]
        await asyncio.sleep(1)
        for task in reversed(tasks):
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            task.cancelled() or task.exception()

    leap(run())
    gate = memory["admission:a"]
    assert isinstance(gate, Gate)
    assert (gate.queue.waiting, len(gate.queue.running)) == (0, 0)


def test_a_new_graph_keeps_count_of_who_is_inside() -> None:
    """Requests of the old graph hold their places; the new limits hold at once."""
    memory: dict[str, object] = {}
    old, _, _ = built(SECOND, memory, concurrent=1)
    new, _, _ = built(SECOND, memory, concurrent=2)

    async def run() -> None:
        async with aclosing(old(chat(), context())) as first:  # type: ignore[type-var]
            await anext(first)
            started = asyncio.get_running_loop().time()
            await asyncio.gather(*(collect(new, chat(), context()) for _ in range(2)))
            assert asyncio.get_running_loop().time() - started == pytest.approx(2)

    leap(run())


BAD = {
    "early default": ({"a": {}, "b": {"when": {"tenant": "x"}}}, "put it last"),
    "no default": ({"a": {"when": {"tenant": "x"}}}, "end it with a class that has no 'when'"),
}


@pytest.mark.parametrize("what", BAD)
def test_classes_that_cannot_work_are_refused(what: str) -> None:
    """The message names the way out."""
    classes, says = BAD[what]
    with pytest.raises(ValidationError, match=says):
        parse({"admission": "dense", "classes": classes})


def test_ageing_must_come_before_the_wait_is_over() -> None:
    """A bound that can never be reached is a mistake."""
    with pytest.raises(ValidationError, match="is not less than wait"):
        parse({"admission": "dense", "wait": "5s", "ageing": "5s"})


def test_explains() -> None:
    """``tercet explain`` tells the class and the bounds."""
    spec = parse({"admission": "dense", "classes": CLASSES})
    plan = admission.plan(spec, Subject(chat(), context(headers=URGENT)))  # type: ignore[arg-type]
    assert plan.why == ("class interactive (priority 10); 64 at once, 256 waiting, 10 s at most",)
