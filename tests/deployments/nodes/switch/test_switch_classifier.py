"""switch with a classifier: labels by examples while the pool is in time, by the rules while it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from deployments.errors import (
    BudgetExhausted,
    Invalid,
    NoReplica,
    RateLimited,
    ServingError,
    StaysLocal,
    StoreUnavailable,
    Withheld,
)
from deployments.graph.background import Background
from deployments.graph.spec import parse, parse_graph
from deployments.graph.subject import Subject
from deployments.nodes.registry import KINDS
from deployments.nodes.switch.classifier import LEARN_AGAIN_S, MOST_REMEMBERED
from deployments.request import Context, Frame, Head, Request
from deployments.standing import ALONE, Standing
from tests.deployments.leap import leap
from tests.deployments.scripted import chat, collect, compiled, context

EXAMPLES = {"billing": ["my invoice is wrong", "refund me"], "smalltalk": ["hello there", "how are you"]}
CASES = [
    {"when": {"tenant": "acme", "score": {"billing": {"at_least": 0.5}}}, "to": "dense"},
    {"when": {"tenant": "low", "score": {"billing": {"below": 0.5}}}, "to": "dense"},
    {"when": {"score": {"billing": {"at_least": 0.9}}}, "to": "moe"},
    {"to": "distilled"},
]
GRAPH: dict[str, Any] = {"s": {"switch": CASES, "classifier": {"model": "embed", "examples": EXAMPLES}}}


class Pools:
    """Chats are answered by name; ``embed`` has one direction for money and another for the rest."""

    def __init__(self) -> None:
        self.embedded: list[list[str]] = []
        self.delay_s = 0.0
        self.fault: Exception | bytes | None = None
        self.mirrored = False
        self.more: list[float] = []

    async def stream(self, pool: str, request: Request, ctx: Context) -> AsyncGenerator[Frame]:
        head = Head(model=pool, path=ctx.path)
        if pool != "embed":
            yield Frame(data=b"x", tokens=1, head=head)
            return
        self.embedded.append(request.body["input"])
        await asyncio.sleep(self.delay_s)
        if isinstance(self.fault, Exception):
            raise self.fault
        axes = [[0.1, 1.0], [1.0, 0.1]]
        vectors = [
            [*axes[bool({"invoice", "refund"} & set(text.split())) != self.mirrored], *self.more]
            for text in self.embedded[-1]
        ]
        data = msgspec.json.encode({"data": [{"embedding": vector, "index": 0} for vector in vectors]})
        yield Frame(data=data if self.fault is None else self.fault, head=head)


class Switched:
    """A compiled switch whose examples are embedded by the time that ``ask`` is first awaited."""

    def __init__(self, graph: dict[str, Any] = GRAPH, **wiring: Any) -> None:
        self.pools, self.background = Pools(), Background()
        self.node = compiled(
            graph, self.pools, ("dense", "moe", "distilled", "embed"), background=self.background, **wiring
        )["s"]  # type: ignore[arg-type]

    async def learn(self) -> None:
        await self.ask("anything")
        await asyncio.sleep(1)
        assert not len(self.background)

    async def ask(self, prompt: str, **changed: Any) -> Head:
        frames = await collect(self.node, chat(prompt), context(**changed))
        assert frames[0].head is not None
        return frames[0].head


def test_a_label_decides_once_the_examples_are_known() -> None:
    """Their vectors are fetched once, in one call, by the first request, which does not wait for them."""

    async def run() -> None:
        one = Switched()
        first = await one.ask("wrong invoice", tenant="low")
        assert (first.path, dict(first.notes)) == (("s", "distilled"), {}), "an unknown score is in no range"
        await one.learn()
        head = await one.ask("wrong invoice again")
        assert head.path == ("s", "moe")
        assert head.notes == {"label": "billing 1.00 by embed"}
        assert (await one.ask("wrong invoice again", tenant="acme")).path == ("s", "dense")
        assert (await one.ask("good morning")).path == ("s", "distilled")
        assert (await one.ask("good morning", tenant="low")).path == ("s", "dense")
        assert [len(texts) for texts in one.pools.embedded] == [4, 1, 1]

    leap(run())


def test_a_prompt_that_was_seen_is_not_asked_about_again() -> None:
    """And what is remembered is bounded."""

    async def run() -> None:
        one = Switched()
        await one.learn()
        for at in range(MOST_REMEMBERED + 10):
            await one.ask(f"prompt {at}")
        calls = len(one.pools.embedded)
        await one.ask(f"prompt {MOST_REMEMBERED + 9}")
        assert len(one.pools.embedded) == calls
        await one.ask("prompt 0")
        assert len(one.pools.embedded) == calls + 1

    leap(run())


def test_nobody_waits_longer_than_the_bound() -> None:
    """A late pool is as good as none: the rules judge. After a few such prompts it is left alone for a while."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        one = Switched()
        await one.learn()
        one.pools.delay_s = 10.0
        waits = []
        for at in range(5):
            began_s = loop.time()
            assert (await one.ask(f"refund {at}")).path == ("s", "distilled")
            waits.append(round(loop.time() - began_s, 3))
        assert waits == [0.05, 0.05, 0.05, 0.0, 0.0]
        one.pools.delay_s = 0.0
        await asyncio.sleep(6)
        assert (await one.ask("refund 9")).path == ("s", "moe")

    leap(run())


@pytest.mark.parametrize("fault", [NoReplica("gone"), b"<html>", b'{"data": [{"embedding": [1.0]}]}'])
def test_a_pool_that_is_away_or_talks_nonsense(fault: Exception | bytes) -> None:
    """Costs no request anything, and the examples are learned when it is back."""

    async def run() -> None:
        one = Switched()
        one.pools.fault = fault
        for _ in range(5):
            assert (await one.ask("refund")).path == ("s", "distilled")
            await asyncio.sleep(0.01)
        one.pools.fault = None
        await asyncio.sleep(6)
        await one.learn()
        assert (await one.ask("refund")).path == ("s", "moe")

    leap(run())


def test_cheap_conditions_spare_the_call() -> None:
    """A request that no case with a label is for is not embedded."""

    async def run() -> None:
        graph = {"s": {**GRAPH["s"], "switch": [CASES[0], {"to": "moe"}]}}
        one = Switched(graph)
        await one.ask("refund", tenant="other")
        assert one.pools.embedded == []

    leap(run())


def test_what_was_learned_survives_a_new_graph() -> None:
    """With the same examples; with others it is learned anew."""

    async def run() -> None:
        memory: dict[str, object] = {}
        await Switched(memory=memory).learn()
        same = Switched(memory=memory)
        assert (await same.ask("refund please")).path == ("s", "moe")
        changed = {"s": {**GRAPH["s"], "classifier": {"model": "embed", "examples": {**EXAMPLES, "more": ["x"]}}}}
        assert (await Switched(changed, memory=memory).ask("refund please")).path == ("s", "distilled")

    leap(run())


def test_labels_may_be_tasks() -> None:
    """Their scores are then the rules' while the classifier is not heard; the task itself is always theirs."""

    async def run() -> None:
        cases = [
            {"when": {"task": "math"}, "to": "dense"},
            {"when": {"score": {"code": {"at_least": 0.5}}}, "to": "moe"},
            {"to": "distilled"},
        ]
        tasks = {"code": EXAMPLES["billing"], "chat": EXAMPLES["smalltalk"]}
        one = Switched({"s": {"switch": cases, "classifier": {"model": "embed", "examples": tasks}}})
        assert (await one.ask("Write a Python function that sorts")).path == ("s", "moe")
        await one.learn()
        assert (await one.ask("refund")).path == ("s", "moe")
        assert (await one.ask("Write another Python function that sorts")).path == ("s", "distilled")
        assert (await one.ask("Solve x^2 - 5x + 6 = 0 for a refund")).path == ("s", "dense")

    leap(run())


def test_a_request_that_ends_while_it_waits_for_its_label() -> None:
    """Takes the call with it, and is nobody's failure."""

    async def run() -> None:
        one = Switched()
        await one.learn()
        one.pools.delay_s = 10.0
        for _ in range(5):
            asking = asyncio.ensure_future(one.ask("refund"))
            await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.wait({asking})
            assert asking.cancelled()
        one.pools.delay_s = 0.0
        assert (await one.ask("refund")).path == ("s", "moe")

    leap(run())


def test_explained_without_the_pool() -> None:
    """What would be asked, and what the rules say here."""
    spec = parse_graph(GRAPH)["s"]
    plan = KINDS["switch"].plan(spec, Subject(chat("refund"), context()))
    assert plan.why[0] == "embed tells billing, smalltalk apart where it answers within 50 ms; here the rules judge"
    assert spec.answering() == ["dense", "dense", "moe", "distilled"]
    assert spec.targets()[-1] == (("classifier", "model"), "embed")


@pytest.mark.parametrize(
    ("changed", "place", "told"),
    [
        ({"classifier": None}, "switch.0.when.score.billing", "the rules score tasks"),
        ({"classifier": {"model": "embed", "examples": {"a": ["x"], "b": ["y"]}}},
         "switch.0.when.score.billing", "the classifier has no examples of it; known: a, b"),
        ({"classifier": {"model": "embed", "examples": {"billing": ["x"]}}}, "classifier.examples", "has 1 labels"),
        ({"classifier": {"model": "embed", "examples": {"billing": [], "b": ["y"]}}},
         "classifier.examples.billing", "is empty"),
        ({"classifier": {"model": "embed", "examples": {"billing": ["x"] * 33, "b": ["y"]}}},
         "classifier.examples.billing", "has 33 examples"),
        ({"classifier": {"model": "embed", "examples": EXAMPLES, "wait": "10s"}}, "classifier.wait", "less than"),
    ],
)  # fmt: skip
def test_what_is_refused(changed: dict[str, Any], place: str, told: str) -> None:
    """At its place, with the way out."""
    with pytest.raises(ValidationError) as caught:
        parse({key: value for key, value in {**GRAPH["s"], **changed}.items() if value is not None})
    assert told in {".".join(map(str, line["loc"])): line["msg"] for line in caught.value.errors()}[place]


def test_another_model_under_the_name_learns_anew() -> None:
    """What the one before said of the examples and of prompts is not its word."""

    async def run() -> None:
        memory: dict[str, object] = {}
        one = Switched(memory=memory, identity=lambda name: f"{name} by demo/one")
        await one.learn()
        assert (await one.ask("wrong invoice")).path == ("s", "moe")
        other = Switched(memory=memory, identity=lambda name: f"{name} by demo/other")
        other.pools.mirrored = True
        assert (await other.ask("wrong invoice")).path == ("s", "distilled"), "its labels are not known yet"
        await other.learn()
        assert (await other.ask("wrong invoice")).path == ("s", "moe")
        same = Switched(memory=memory, identity=lambda name: f"{name} by demo/other")
        assert (await same.ask("wrong invoice")).path == ("s", "moe")
        assert not same.pools.embedded

    leap(run())


def test_vectors_of_another_length_are_another_model_s() -> None:
    """They are compared with nothing that is known: the rules judge until the labels are learned anew."""

    async def run() -> None:
        one = Switched()
        await one.learn()
        one.pools.more = [0.0, 0.0]
        head = await one.ask("wrong invoice")
        assert (head.path, dict(head.notes)) == (("s", "distilled"), {})
        await asyncio.sleep(1)
        assert (await one.ask("wrong invoice")).path == ("s", "moe")

    leap(run())


def test_labels_are_learned_again_after_a_while() -> None:
    """Engines may be those of the model before when a graph changes; nobody waits, and what was seen goes."""

    async def run() -> None:
        one = Switched()
        await one.learn()
        assert (await one.ask("wrong invoice")).path == ("s", "moe")
        one.pools.mirrored = True
        await asyncio.sleep(LEARN_AGAIN_S)
        await one.ask("hello")
        await asyncio.sleep(1)
        assert (await one.ask("wrong invoice")).path == ("s", "moe")
        assert [len(texts) for texts in one.pools.embedded] == [4, 1, 1, 4, 1]

    leap(run())


def test_what_one_tenant_asked_is_not_known_for_another() -> None:
    """Or the time to its first token would say that it was asked."""

    async def run() -> None:
        one = Switched()
        await one.learn()
        calls = len(one.pools.embedded)
        for prefixes in ("tenant a", "tenant a", "tenant b"):
            await one.ask("wrong invoice", standing=Standing(prefixes=prefixes))
        assert len(one.pools.embedded) == calls + 2

    leap(run())


@pytest.mark.parametrize("error", [StaysLocal, RateLimited, BudgetExhausted, Withheld, StoreUnavailable, Invalid])
def test_what_one_tenant_may_not_ask_leaves_the_others_their_labels(error: type[ServingError]) -> None:
    """However often it comes."""

    async def run() -> None:
        one = Switched()
        await one.learn()
        one.pools.fault = error("not for you")
        for at in range(10):
            assert (await one.ask(f"wrong invoice {at}")).path == ("s", "distilled")
        one.pools.fault = None
        assert (await one.ask("wrong invoice")).path == ("s", "moe")

    leap(run())


def test_the_operators_examples_are_charged_to_nobody() -> None:
    """Nor do they stay with whoever happens to come first."""

    async def run() -> None:
        one, seen = Switched(), list[Context]()
        stream = one.pools.stream

        def watched(pool: str, request: Request, ctx: Context) -> AsyncGenerator[Frame]:
            seen.extend([ctx] if pool == "embed" else [])
            return stream(pool, request, ctx)

        one.pools.stream = watched  # type: ignore[method-assign]
        await one.ask("anything", standing=Standing(account="bank", prefixes="tenant bank", stays_local=True))
        await asyncio.sleep(1)
        assert [(ctx.charged, ctx.account, ctx.standing) for ctx in seen] == [(False, None, ALONE)]

    leap(run())
