"""coalesce: identical requests under way share one generation, and nothing else is shared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from deployments.errors import DeadlineExceeded, EngineFailed, Overloaded
from deployments.graph.node import Node
from deployments.graph.spec import parse
from deployments.graph.subject import Subject
from deployments.layers.deadline import deadline
from deployments.nodes.coalesce import kind as coalesce
from deployments.request import Answer, Context, Frame, Request
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context

SAME = chat("hi", temperature=0, stream=True)
SLOW: list[Act] = [Pause(1), b"a", Pause(1), b"b", Pause(1), b"c"]


class Meter:
    """Keeps what was told."""

    def __init__(self) -> None:
        self.roles: list[str] = []

    def coalesced(self, node: str, role: str) -> None:
        self.roles.append(role)


def shared(transport: Scripted, **options: Any) -> Node:
    return compiled({"c": {"coalesce": "dense", **options}}, transport)["c"]


def data(frames: list[Frame]) -> list[bytes]:
    return [frame.data for frame in frames]


async def after(seconds: float, work: Coroutine[Any, Any, list[Frame]]) -> list[Frame]:
    await asyncio.sleep(seconds)
    return await work


def played(
    acts: list[Act],
    *calls: tuple[float, Request, Context],
    options: dict[str, Any] | None = None,
) -> tuple[Scripted, list[Any]]:
    """Return the pool's transport and what each call, begun so many seconds after the start, got."""
    transport = Scripted({"dense": acts})
    node = shared(transport, **(options or {}))

    async def run() -> list[Any]:
        work = [after(at_s, collect(node, request, ctx)) for at_s, request, ctx in calls]
        return await asyncio.gather(*work, return_exceptions=True)

    return transport, leap(run())


def opened(transport: Scripted) -> int:
    return transport.log.count("open dense")


@pytest.mark.parametrize("late_s", [0, 0.5, 1.5, 2.5])
def test_a_late_joiner_gets_the_stream_from_its_start(late_s: float) -> None:
    """One generation, and the same frames for both, however late the second one comes."""
    transport, (first, second) = played(SLOW, (0, SAME, context()), (late_s, SAME, context(request_id="r2")))
    assert opened(transport) == 1
    assert data(first) == data(second) == [b"a", b"b", b"c"]
    assert sum(frame.tokens for frame in second) == 3


def test_only_what_is_under_way_is_shared() -> None:
    """Nothing is kept: a request after the end of its twin is generated anew."""
    transport, (_, second) = played(SLOW, (0, SAME, context()), (3.5, SAME, context()))
    assert opened(transport) == 2
    assert second[0].head.notes == {}


def test_a_joiner_is_told_and_its_head_is_its_own() -> None:
    """The path is the one that the joiner took, the note says that it joined, and no other request's times are told."""
    early, late = context(path=("outer",)), context(path=("another", "way"))
    _, (first, second) = played(SLOW, (0, SAME, early), (1.5, SAME, late))
    assert first[0].head.path == ("outer", "c", "dense")
    assert second[0].head.path == ("another", "way", "c", "dense")
    assert first[0].head.notes == {}
    assert second[0].head.notes == {"coalesced": "joined"}
    assert second[0].head.engine_ttft_s is None


CHANGED: dict[str, tuple[Request, Context]] = {
    "tenant": (SAME, context(tenant="other")),
    "prompt": (chat("ho", temperature=0, stream=True), context()),
    "unknown field": (chat("hi", temperature=0, stream=True, new_field=1), context()),
    "usage in the stream": (chat("hi", temperature=0, stream=True, stream_options={"include_usage": True}), context()),
    "whole": (chat("hi", temperature=0), context()),
    "endpoint": (replace(SAME, endpoint="completion"), context()),
    "entry": (replace(SAME, model="c"), context()),
    "header": (SAME, context(headers={"x-variant": "b"})),
    "tier": (chat("hi", temperature=0, stream=True, service_tier="flex"), context()),
    "branch": (SAME, context(branch=".hedge")),
    "judged": (replace(SAME, judged=True), context()),
    "charged to nobody": (SAME, context(charged=False)),
    "random": (chat("hi", stream=True), context()),
    "resumed": (replace(SAME, resume=None, traced=True), context()),
    "deadline beyond the generation's": (SAME, context(deadline_s=1e9 + 11)),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_differs_is_not_shared(what: str) -> None:
    """One difference that could show in the answer, or in who chooses it, makes two generations."""
    transport, results = played(SLOW, (0, SAME, context()), (0, *CHANGED[what]))
    assert opened(transport) == 2
    assert all(data(frames) == [b"a", b"b", b"c"] for frames in results)


UNCHANGED: dict[str, tuple[Request, Context]] = {
    "user": (chat("hi", temperature=0, stream=True, user="u7"), context()),
    "null": (chat("hi", temperature=0, stream=True, stop=None), context()),
    "order": (Request(endpoint="chat", model="", stream=True, body=dict(reversed(SAME.body.items()))), context()),
    "trace": (SAME, context(request_id="r9", headers={"traceparent": "00-1", "x-forwarded-for": "::1"})),
    "ignored header": (SAME, context(headers={"x-session-id": "s1"})),
    "earlier deadline": (SAME, context(deadline_s=1e9 - 5)),
}


@pytest.mark.parametrize("what", UNCHANGED)
def test_what_does_not_show_is_shared(what: str) -> None:
    """Who asks, in which order fields come, and what proxies add make no difference."""
    options = {"ignore_headers": ["X-Session-Id"]}
    transport, _ = played(SLOW, (0, SAME, context()), (0, *UNCHANGED[what]), options=options)
    assert opened(transport) == 1


def test_draws_are_shared_where_the_config_says_so() -> None:
    """``any`` shares sampled answers too; a seed alone is enough without it."""
    drawn = chat("hi", stream=True)
    assert opened(played(SLOW, (0, drawn, context()), (0, drawn, context()), options={"any": True})[0]) == 1
    seeded = chat("hi", stream=True, seed=0, temperature=1)
    assert opened(played(SLOW, (0, seeded, context()), (0, seeded, context()))[0]) == 1


@pytest.mark.parametrize(("body", "count"), [({}, 2), ({"store": False}, 1), ({"store": False, "background": True}, 2)])
def test_a_response_with_an_identity_is_not_shared(body: dict[str, Any], count: int) -> None:
    """A stored response is continued or cancelled by its id, so each client needs its own."""
    request = Request(endpoint="responses", model="", body={"input": "hi", "temperature": 0, **body})
    assert opened(played(SLOW, (0, request, context()), (0, request, context()))[0]) == count


@pytest.mark.parametrize("leaves", [0, 1])
def test_one_disconnect_does_not_stop_the_other(leaves: int) -> None:
    """Whoever leaves, the first or the joiner, the other gets everything."""
    transport = Scripted({"dense": SLOW})
    node = shared(transport)

    async def run() -> list[Frame]:
        tasks = [asyncio.create_task(collect(node, SAME, context())) for _ in range(2)]
        await asyncio.sleep(1.5)
        tasks[leaves].cancel()
        await asyncio.sleep(0.1)
        assert transport.log == ["open dense"]
        return await tasks[1 - leaves]

    assert data(leap(run())) == [b"a", b"b", b"c"]
    assert transport.log == ["open dense", "close dense"]


def test_the_last_disconnect_ends_the_generation_before_it_returns() -> None:
    """When nobody listens any more the pool's stream is closed by the time the last close returns."""
    transport = Scripted({"dense": [b"a", Hang()]})
    node = shared(transport)

    async def run() -> None:
        async with aclosing(node(SAME, context())) as one, aclosing(node(SAME, context())) as two:  # type: ignore[type-var]
            await anext(one)
            await anext(two)
            await one.aclose()  # type: ignore[attr-defined]
            assert transport.log == ["open dense"]
        assert transport.log == ["open dense", "close dense"]
        assert len(asyncio.all_tasks()) == 1

    leap(run())


@pytest.mark.parametrize("acts", [[Pause(1), Overloaded("full", retry_after_s=7)], [Pause(1), b"a", EngineFailed("x")]])
def test_an_error_reaches_all(acts: list[Act]) -> None:
    """Every listener gets the error, as an exception of its own, after the data before it."""
    _, results = played(acts, (0, SAME, context()), (0.5, SAME, context()))
    assert [type(result) for result in results] == [type(acts[-1])] * 2
    assert len({id(result) for result in results}) == 2
    assert all(result.retry_after_s == acts[-1].retry_after_s for result in results)  # type: ignore[union-attr]


def test_each_listener_keeps_its_own_deadline() -> None:
    """The first one's deadline does not end the generation that others still may wait for, nor theirs its own."""
    transport = Scripted({"dense": [Pause(5), b"a"]})
    inner = shared(transport)

    async def run() -> list[Any]:
        now = asyncio.get_running_loop().time
        node = deadline(now)(inner)
        work = [
            collect(node, SAME, context(deadline_s=3)),
            after(1, collect(node, SAME, context(deadline_s=8))),
            after(1, collect(node, SAME, context(deadline_s=2))),
        ]
        return await asyncio.gather(*work, return_exceptions=True)

    first, second, third = leap(run())
    assert [type(first), type(third)] == [DeadlineExceeded, DeadlineExceeded]
    assert data(second) == [b"a"]
    assert opened(transport) == 1


def test_a_recording_that_has_grown_too_large_takes_nobody_more() -> None:
    """Beyond the bound a new twin starts its own generation, and those who listen still get everything."""
    transport, results = played(
        SLOW, (0, SAME, context()), (0.5, SAME, context()), (2.5, SAME, context()), options={"memory": 300}
    )
    assert opened(transport) == 2
    assert all(data(frames) == [b"a", b"b", b"c"] for frames in results)


def test_a_closed_recording_keeps_only_what_is_unheard() -> None:
    """Memory follows the slowest listener once nobody can join."""

    async def run() -> None:
        transport = Scripted({"dense": [*[b"x" * 1000] * 50, Hang()]})
        source = compiled({}, transport)["dense"](SAME, context())
        recording = coalesce.Recording(source, most_bytes=5000, over=lambda: False)
        async with aclosing(recording.listen()) as frames:
            await anext(frames)
            await asyncio.sleep(1)
            assert recording.kept_bytes > 49_000
            for _ in range(49):
                await anext(frames)
            assert recording.kept_bytes == 0
            assert not recording.open

    leap(run())


def test_after_the_window_nobody_joins() -> None:
    """A generation takes joiners for a while only."""
    transport, _ = played(SLOW, (0, SAME, context()), (1.5, SAME, context()), options={"window": "1s"})
    assert opened(transport) == 2


def test_who_shares_is_counted() -> None:
    """One first and two joined; who cannot share is neither."""
    meter = Meter()
    node = compiled({"c": {"coalesce": "dense"}}, Scripted({"dense": SLOW}), meters=meter)["c"]

    async def run() -> None:
        await asyncio.gather(*(collect(node, SAME, context()) for _ in range(3)), collect(node, chat(), context()))

    leap(run())
    assert sorted(meter.roles) == ["first", "joined", "joined"]


@pytest.mark.parametrize(("request_", "says"), [(SAME, "joins the same request"), (chat(), "shares with nobody")])
def test_explains(request_: Request, says: str) -> None:
    """``tercet explain`` tells whether a request could share."""
    plan = coalesce.plan(parse({"coalesce": "dense"}), Subject(request_, context()))  # type: ignore[arg-type]
    assert plan.order == ("dense",)
    assert plan.why[0].startswith(says)


def test_every_listener_hears_which_arm_was_chosen() -> None:
    """A split below deals once; a record above each of the two requests names the arm."""
    graph = {"c": {"coalesce": "s"}, "s": {"split": {"dense": 1}}}
    node = compiled(graph, Scripted({"dense": SLOW}))["c"]
    heard: list[tuple[str, str, str]] = []

    async def run() -> None:
        calls = [context(chose=lambda *what, who=who: heard.append((who, *what))) for who in ("one", "two")]
        await asyncio.gather(collect(node, SAME, calls[0]), after(1.5, collect(node, SAME, calls[1])))

    leap(run())
    assert heard == [("one", "s", "dense"), ("two", "s", "dense")]


class Keyed:
    """The account of one key, without limits."""

    headers: Mapping[str, str] = {}

    def __init__(self, key: str) -> None:
        self.key = key

    async def end(self) -> None:
        """Nothing was held."""

    async def over(self, model: str, request: Request, answer: Answer, *, blind: bool) -> AsyncGenerator[Frame]:
        return answer(request)


def test_keys_of_a_tenant_pay_each_for_itself() -> None:
    """What one began would be paid by it, and refused as it is: nobody else joins."""
    asked = [(0.0, SAME, context(request_id=key + str(at), account=Keyed(key))) for at, key in enumerate("aba")]
    transport, answers = played(SLOW, *asked)
    assert opened(transport) == 2
    assert [data(frames) for frames in answers] == [[b"a", b"b", b"c"]] * 3
