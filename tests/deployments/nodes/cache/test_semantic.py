"""cache with `semantic`: nearly the same question of the same tenant gets the answer, and nothing else does."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from deployments.answers.levels import Answers
from deployments.errors import BudgetExhausted, NoReplica, StaysLocal
from deployments.graph.node import Node
from deployments.graph.spec import parse
from deployments.graph.subject import Subject
from deployments.nodes.cache import kind as cache
from deployments.nodes.cache.question import question_of
from deployments.request import Context, Frame, Head, Request
from deployments.standing import Standing
from tests.deployments.leap import leap
from tests.deployments.scripted import NOON, chat, collect, compiled, context

VECTORS: dict[str, Any] = {"model": "embed", "at_least": 0.95, "wait": "100ms"}
SEMANTIC: dict[str, Any] = {**VECTORS, "same": "nothing"}
# Degrees between questions, by their first word.
DEGREES = {"hi": 0, "hello": 10, "hey": 15, "bye": 90}


class Pools:
    """Every answer of ``dense`` is another; ``embed`` gives each first word of a text its own direction."""

    def __init__(self) -> None:
        self.answered = 0
        self.embedded: list[tuple[list[str], Context]] = []
        self.delay_s, self.pause_s, self.fault = 0.0, 0.0, dict[str, Exception]()
        self.length = 2

    async def stream(self, pool: str, request: Request, ctx: Context) -> AsyncGenerator[Frame]:
        head = Head(model=pool, path=ctx.path)
        if pool == "dense":
            await asyncio.sleep(self.pause_s)
            self.answered += 1
            data = b"answer %d" % self.answered
            yield Frame(data=data, text=data.decode(), tokens=1, finish_reason="stop", head=head)
            return
        self.embedded.append((request.body["input"], ctx))
        await asyncio.sleep(self.delay_s)
        if pool in self.fault:
            raise self.fault[pool]
        angles = [math.radians(DEGREES[text.replace(",", " ").split()[0].lower()]) for text in request.body["input"]]
        vectors = [{"embedding": [math.cos(one), math.sin(one), *[0.0] * (self.length - 2)]} for one in angles]
        yield Frame(data=msgspec.json.encode({"data": vectors}), head=head)


def node(pools: Pools, **options: Any) -> Node:
    wiring = {name: options.pop(name) for name in ("identity", "answers", "meters", "memory") if name in options}
    graph = {"c": {"cache": "dense", "semantic": SEMANTIC, **options}}
    return compiled(graph, pools, ("dense", "moe", "distilled", "embed"), **wiring)["c"]  # type: ignore[arg-type]


def said(text: str, **more: Any) -> Request:
    return chat(text, temperature=0, **more)


async def had(cached: Node, request: Request, ctx: Context | None = None) -> tuple[str, bytes]:
    frames = await collect(cached, request, ctx)
    assert frames[0].head is not None
    return frames[0].head.notes["cache"], b"".join(frame.data for frame in frames)


def outcomes(*calls: tuple[Request, Context], pools: Pools | None = None, **options: Any) -> list[str]:
    cached = node(pools or Pools(), **options)

    async def run() -> list[str]:
        return [(await had(cached, request, ctx))[0] for request, ctx in calls]

    return leap(run())


def test_nearly_the_same_question_gets_the_answer() -> None:
    """It is noted with how near it is; the question itself is a hit that asks for no vector; others are answered."""
    pools = Pools()
    cached = node(pools)

    async def run() -> None:
        assert await had(cached, said("hi there")) == ("miss", b"answer 1")
        frames = await collect(cached, said("hello there"), context(path=("outer",)))
        head = frames[0].head
        assert head is not None
        assert (head.notes["cache"], head.notes["cache-nearness"]) == ("semantic", "0.985")
        assert (head.path, frames[0].data) == (("outer", "c", "dense"), b"answer 1")
        assert await had(cached, said("bye")) == ("miss", b"answer 2")
        asked = len(pools.embedded)
        assert await had(cached, said("hi there")) == ("hit", b"answer 1")
        assert len(pools.embedded) == asked

    leap(run())


def test_the_threshold_is_the_sections() -> None:
    """Ten degrees are a cosine of 0.985."""
    for at_least, told in ((0.98, "semantic"), (0.99, "miss")):
        semantic = {**SEMANTIC, "at_least": at_least}
        assert outcomes((said("hi"), context()), (said("hello"), context()), semantic=semantic) == ["miss", told]


def test_it_is_off_by_default() -> None:
    """No vector is asked for."""
    pools = Pools()
    assert outcomes((said("hi"), context()), (said("hello"), context()), pools=pools, semantic=None) == ["miss"] * 2
    assert pools.embedded == []


def turns(*texts: str, system: str = "Be brief.") -> Request:
    roles = ("user", "assistant")
    said_before = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
    body = {"messages": [{"role": "system", "content": system}, *said_before], "temperature": 0}
    return Request(endpoint="chat", model="", body=body)


ASKED = turns("one", "two", "hi")
OTHERWISE: dict[str, tuple[Request, Context]] = {
    "tenant": (turns("one", "two", "hello"), context(tenant="other")),
    "system prompt": (turns("one", "two", "hello", system="Be long."), context()),
    "a turn before": (turns("one", "TWO", "hello"), context()),
    "temperature": (replace(ASKED, body={**turns("one", "two", "hello").body, "top_p": 0.5}), context()),
    "max_tokens": (replace(ASKED, body={**turns("one", "two", "hello").body, "max_tokens": 5}), context()),
    "stream": (replace(turns("one", "two", "hello"), stream=True), context()),
    "adapter": (replace(turns("one", "two", "hello"), adapter="a"), context()),
    "header": (turns("one", "two", "hello"), context(headers={"x-variant": "b"})),
    "endpoint": (replace(turns("one", "two", "hello"), endpoint="messages"), context()),
    "made anew": (turns("one", "two", "hello"), context(headers={"cache-control": "no-cache"})),
    "not kept": (turns("one", "two", "hello"), context(headers={"cache-control": "no-store"})),
    "this very question": (turns("one", "two", "hello"), context(headers={"cache-control": "no-transform"})),
    "after its time": (turns("one", "two", "hello"), context(now=NOON + timedelta(hours=1))),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_whatever_else_differs_is_answered_anew(what: str) -> None:
    """Nearness counts for the last turn alone."""
    assert outcomes((ASKED, context()), (turns("one", "two", "hello"), context()))[1] == "semantic"
    assert outcomes((ASKED, context()), OTHERWISE[what])[1] in ("miss", "bypass")


def test_a_model_that_has_become_another_answers_anew() -> None:
    """Also where the one that gives vectors has."""

    async def run(changed: str) -> str:
        pools, answers = Pools(), Answers()
        before = node(pools, answers=answers)
        await had(before, said("hi"))
        after = node(pools, answers=answers, identity=lambda name: f"{name} two" if name == changed else name)
        return (await had(after, said("hello")))[0]

    assert [leap(run(name)) for name in ("dense", "embed", "nobody")] == ["miss", "miss", "semantic"]


def test_random_answers_are_given_where_that_is_asked_for() -> None:
    """By the node's ``any``, as without vectors."""
    calls = (chat("hi"), context()), (chat("hello"), context())
    assert outcomes(*calls) == ["bypass", "bypass"]
    assert outcomes(*calls, any=True) == ["miss", "semantic"]


def test_what_must_be_the_same_is_the_sections() -> None:
    """By default the words that say what it is about; else numbers, names, negations and opposites; or nothing."""
    said_before = said("hi, feed my dog")
    calls = {
        "please": said("hello, feed my dog"),
        "dog": said("hello, feed my cat"),
        "number": said("hello, feed my 2 dogs"),
    }
    told = {}
    for same in ({}, {"same": "particulars"}, {"same": "nothing"}):
        semantic = {**VECTORS, **same}
        told[same.get("same", "")] = [
            what for what, call in calls.items()
            if outcomes((said_before, context()), (call, context()), semantic=semantic)[1] == "semantic"
        ]  # fmt: skip
    assert told == {"": ["please"], "particulars": ["please", "dog"], "nothing": ["please", "dog", "number"]}


def test_a_call_for_a_vector_is_the_requests_own() -> None:
    """Charged to it, under an id and a path of its own, and bound by what its tenant may."""
    pools, standing = Pools(), Standing(account="acme", stays_local=True)
    outcomes((said("hi"), context(standing=standing, tenant="acme")), pools=pools)
    ((texts, asked),) = pools.embedded
    assert texts == ["hi"]
    assert (asked.call_id, asked.path, asked.charged) == ("r1.c.semantic", ("c", "embed"), True)
    assert (asked.tenant, asked.standing) == ("acme", standing)


def test_nobody_waits_longer_than_the_bound() -> None:
    """A late vector is a miss, and a model that is late again and again is left alone."""
    pools = Pools()
    cached = node(pools)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        await had(cached, said("hi"))
        pools.delay_s = 10.0
        waits = []
        for at in range(5):
            began_s = loop.time()
            assert (await had(cached, said(f"hello {at}")))[0] == "miss"
            waits.append(round(loop.time() - began_s, 3))
        assert waits == [0.1, 0.1, 0.1, 0.0, 0.0]
        pools.delay_s = 0.0
        await asyncio.sleep(6)
        assert (await had(cached, said("hello")))[0] == "semantic"

    leap(run())


@pytest.mark.parametrize("fault", [NoReplica("gone"), StaysLocal("no"), BudgetExhausted("empty")])
def test_without_a_vector_the_answer_is_made(fault: Exception) -> None:
    """Whatever is wrong with the model, or with the request's standing there."""
    pools = Pools()
    pools.fault = {"embed": fault}
    assert outcomes((said("hi"), context()), (said("hello"), context()), pools=pools) == ["miss", "miss"]
    assert pools.answered == 2


def test_vectors_of_another_length_find_nothing() -> None:
    """The engines may be those of another model for a moment; what comes then is found by what comes then."""
    pools = Pools()
    cached = node(pools)

    async def run() -> list[str]:
        told = [(await had(cached, said("hi")))[0]]
        pools.length = 3
        return [*told, *[(await had(cached, said(text)))[0] for text in ("hello", "hey")]]

    assert leap(run()) == ["miss", "miss", "semantic"]


def test_what_is_forgotten_is_not_given_by_its_likes() -> None:
    """Neither the answer nor the question is left."""
    pools, answers = Pools(), Answers()
    cached = node(pools, answers=answers)

    async def run() -> list[str]:
        told = [(await had(cached, said("hi")))[0]]
        await answers.forget(0.0, tenant="anonymous")
        (held,) = answers._neighbours.values()
        assert len(held) == 0
        return [*told, *[(await had(cached, said(text)))[0] for text in ("hello", "hey")]]

    assert leap(run()) == ["miss", "miss", "semantic"]


def test_a_question_that_was_under_way_is_forgotten_too() -> None:
    """What it was is not remembered after its answer was refused."""
    pools, answers = Pools(), Answers()
    pools.pause_s = 2.0
    cached = node(pools, answers=answers)

    async def run() -> None:
        under_way = asyncio.create_task(had(cached, said("hi")))
        await asyncio.sleep(1)
        await answers.forget(0.0, tenant="anonymous")
        await under_way
        (held,) = answers._neighbours.values()
        assert len(held) == 0

    leap(run())


def test_an_answer_that_has_left_memory_is_a_miss() -> None:
    """And its question leaves too."""
    pools, answers = Pools(), Answers()
    cached = node(pools, answers=answers)

    async def run() -> list[str]:
        told = [(await had(cached, said("hi")))[0]]
        answers._memory._kept.clear()
        told.append((await had(cached, said("hello")))[0])
        (held,) = answers._neighbours.values()
        assert len(held) == 1
        return told

    assert leap(run()) == ["miss", "miss"]


def test_what_was_learned_survives_a_new_graph() -> None:
    """As long as the same things answer and compare."""
    pools, answers = Pools(), Answers()

    async def run() -> list[str]:
        first = node(pools, answers=answers)
        told = [(await had(first, said("hi")))[0]]
        again = node(pools, answers=answers)
        del first
        return [*told, (await had(again, said("hello")))[0]]

    assert leap(run()) == ["miss", "semantic"]


def body(**fields: Any) -> Request:
    return Request(endpoint=fields.pop("endpoint", "chat"), model="", body=fields)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (chat("  Hi \n there "), "Hi there"),
        (body(messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}]), "hi"),
        (body(messages=[{"role": "user", "content": "\uff13 eggs"}], endpoint="messages"), "3 eggs"),
        (body(prompt="hi", endpoint="completion"), "hi"),
        (body(input="hi", endpoint="responses"), "hi"),
        (body(input=[{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}], endpoint="responses"), "hi"),
        (body(prompt=["hi", "ho"], endpoint="completion"), None),
        (body(prompt=[1, 2], endpoint="completion"), None),
        (body(messages=[]), None),
        (body(messages="hi"), None),
        (body(messages=[{"role": "assistant", "content": "hi"}]), None),
        (body(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]), None),
        (body(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}] * 2}]), None),
        (body(messages=[{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]}]), None),
        (body(input="hi", endpoint="embeddings"), None),
        (chat(" "), None),
        (chat("x" * 101), None),
        (chat("x" + " " * 300), "x"),
        (chat("x" + " " * 8_000_000), None),
    ],
)
def test_what_is_asked_last(request_: Request, text: str | None) -> None:
    """One text of the client's, in one way of writing it; all else is compared byte by byte."""
    found = question_of(request_, 100)
    assert (found[0] if found else None) == text
    if found is not None:
        assert found[0] not in str(found[1].body)


def test_long_questions_are_compared_with_none() -> None:
    """A model of vectors reads the beginning alone."""
    long = "hello " * 100
    semantic = {**SEMANTIC, "longest": 100}
    pools = Pools()
    assert outcomes((said("hi"), context()), (said(long), context()), pools=pools, semantic=semantic) == ["miss"] * 2
    assert len(pools.embedded) == 1


def test_explains() -> None:
    """``tercet explain`` names the model."""
    spec = parse({"cache": "dense", "semantic": SEMANTIC})
    plan = cache.plan(spec, Subject(said("hi"), context()))  # type: ignore[arg-type]
    assert "embed finds nearly the same" in plan.why[0]
    assert spec.answering() == ["dense"]
    assert [name for _, name in spec.targets()] == ["dense", "embed"]


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"model": "embed"}, "at_least"),
        ({"at_least": 0.9}, "model"),
        ({"model": "embed", "at_least": 0}, "at_least"),
        ({"model": "embed", "at_least": 1.1}, "at_least"),
        ({"model": "embed", "at_least": 0.9, "wait": "10s"}, "wait"),
        ({"model": "embed", "at_least": 0.9, "treshold": 1}, "treshold"),
        ({"model": "embed", "at_least": 0.9, "memory": 5}, "memory"),
        ({"model": "embed", "at_least": 0.9, "same": "all"}, "same"),
    ],
)
def test_sections_that_cannot_be(section: dict[str, Any], says: str) -> None:
    """A threshold has no default: it is the operator's to choose."""
    with pytest.raises(ValueError, match=says):
        parse({"cache": "dense", "semantic": section})
