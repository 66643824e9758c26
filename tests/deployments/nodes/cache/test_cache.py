"""cache: the same request gets the same answer again, and nobody gets another's."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.answers.levels import Answers
from deployments.answers.settings import AnswersSettings
from deployments.errors import EngineFailed, Invalid, NoReplica
from deployments.graph.node import Node
from deployments.graph.spec import parse
from deployments.graph.subject import Subject
from deployments.nodes.cache import kind as cache
from deployments.request import Context, Frame, Request, unspent
from tests.deployments.leap import leap
from tests.deployments.scripted import NOON, Act, Hang, Pause, Scripted, chat, collect, compiled, context

SAME = chat("hi", temperature=0, stream=True)
END = Frame(data=b"!", text="!", tokens=1, finish_reason="stop", prompt_tokens=3)
WHOLE: list[Act] = [b"a", b"b", END]


class Meter:
    """Keeps what was told."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def cached(self, node: str, outcome: str) -> None:
        self.outcomes.append(outcome)


def later(seconds: float, **changed: Any) -> Context:
    """Return a context of a request that comes so long after noon."""
    return context(now=NOON + timedelta(seconds=seconds), **changed)


def node(transport: Scripted, graph: dict[str, Any] | None = None, **options: Any) -> Node:
    wiring = {name: options.pop(name) for name in ("meters", "identity", "answers", "fleet") if name in options}
    return compiled({"c": {"cache": "dense", **options}, **(graph or {})}, transport, **wiring)["c"]


def played(acts: list[Act], *calls: tuple[Request, Context], **options: Any) -> tuple[Scripted, list[list[Frame]]]:
    """Return the pool's transport and what each of several calls, one after the other, got."""
    transport = Scripted({"dense": acts, "moe": acts})
    cached = node(transport, **options)

    async def run() -> list[list[Frame]]:
        return [await collect(cached, request, ctx) for request, ctx in calls]

    return transport, leap(run())


def opened(transport: Scripted) -> int:
    return sum(line.startswith("open") for line in transport.log)


def said(frames: list[Frame]) -> tuple[bytes, str, int]:
    return b"".join(one.data for one in frames), "".join(one.text for one in frames), sum(one.tokens for one in frames)


def note(frames: list[Frame]) -> str:
    head = frames[0].head
    assert head is not None
    return head.notes["cache"]


def test_the_same_request_again_gets_the_same_answer() -> None:
    """Every event, text, count and reason; the pool is asked once, and the head says so."""
    transport, (first, second) = played(WHOLE, (SAME, context()), (SAME, later(5, request_id="r2", path=("outer",))))
    assert opened(transport) == 1
    assert said(first) == said(second) == (b"ab!", "ab!", 3)
    assert [(frame.finish_reason, frame.prompt_tokens) for frame in second] == [("stop", 3)]
    assert (note(first), note(second)) == ("miss", "hit")
    head = second[0].head
    assert head is not None
    assert (head.model, head.path, head.engine_ttft_s) == ("dense", ("outer", "c", "dense"), None)


def test_a_whole_answer_too() -> None:
    """Its head came early, before there was data."""
    request = chat("hi", temperature=0)
    body = b'{"id":"chatcmpl-r1","created":1,"choices":[]}'
    acts: list[Act] = [b"", Frame(data=body, text="hello", tokens=1, finish_reason="stop")]
    _, (first, second) = played(acts, (request, context()), (request, later(7, request_id="r2")))
    assert said(first)[0] == body
    assert said(second)[0] == b'{"id":"chatcmpl-r2","created":%d,"choices":[]}' % (NOON.timestamp() + 7)


CHANGED: dict[str, tuple[Request, Context]] = {
    "tenant": (SAME, context(tenant="other")),
    "prompt": (chat("ho", temperature=0, stream=True), context()),
    "unknown field": (chat("hi", temperature=0, stream=True, new_field=1), context()),
    "top_p": (chat("hi", temperature=0, stream=True, top_p=0.5), context()),
    "seed": (chat("hi", temperature=0, stream=True, seed=1), context()),
    "max_tokens": (chat("hi", temperature=0, stream=True, max_tokens=3), context()),
    "tools": (chat("hi", temperature=0, stream=True, tools=[]), context()),
    "whole": (chat("hi", temperature=0), context()),
    "endpoint": (replace(SAME, endpoint="completion"), context()),
    "entry": (replace(SAME, model="c"), context()),
    "adapter": (replace(SAME, adapter="a"), context()),
    "header": (SAME, context(headers={"x-variant": "b"})),
    "tags": (SAME, context(headers={"x-tercet-cache-tags": "t"})),
    "branch": (SAME, context(branch=".hedge")),
    "judged": (replace(SAME, judged=True), context()),
    "charged to nobody": (SAME, context(charged=False)),
    "random": (chat("hi", stream=True), context()),
    "after its time": (SAME, later(3600)),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_differs_is_generated(what: str) -> None:
    """One difference that could show in the answer makes another answer."""
    transport, (_, second) = played(WHOLE, (SAME, context()), CHANGED[what])
    assert opened(transport) == 2
    assert note(second) != "hit"


UNCHANGED: dict[str, tuple[Request, Context]] = {
    "user": (chat("hi", temperature=0, stream=True, user="u7"), context()),
    "null": (chat("hi", temperature=0, stream=True, stop=None), context()),
    "trace": (SAME, context(headers={"traceparent": "00-1", "user-agent": "curl", "x-forwarded-for": "::1"})),
    "ignored header": (SAME, context(headers={"x-session-id": "s1"})),
}


@pytest.mark.parametrize("what", UNCHANGED)
def test_what_does_not_show_is_the_same(what: str) -> None:
    """Who asks for whose account, and by which program."""
    options = {"ignore_headers": ["X-Session-Id", "user-agent"]}
    assert opened(played(WHOLE, (SAME, context()), UNCHANGED[what], **options)[0]) == 1


def test_a_model_that_has_become_another_answers_anew() -> None:
    """The key holds what answers under the target's name, and the node's own name."""
    answers = Answers()
    transport = Scripted({"dense": WHOLE})

    async def run() -> list[str]:
        return [
            note(await collect(node(transport, answers=answers, identity=lambda name, by=by: name + by), SAME))
            for by in ("one", "one", "other")
        ]

    assert leap(run()) == ["miss", "hit", "miss"]


FAILED: dict[str, list[Act]] = {
    "an error": [NoReplica("none")],
    "an error after data": [b"a", EngineFailed("died")],
    "no reason to end": [b"a", b"b"],
    "aborted": [b"a", Frame(data=b"!", finish_reason="abort")],
    "filtered": [b"a", Frame(data=b"!", finish_reason="content_filter")],
    "nothing": [b"", Frame(data=b"", finish_reason="stop")],
    "an engine's error": [b"a", Frame(data=b"!", finish_reason="error")],
}


@pytest.mark.parametrize("what", FAILED)
def test_nothing_that_failed_is_kept(what: str) -> None:
    """Neither errors nor answers that broke off."""
    transport = Scripted({"dense": FAILED[what]})
    cached = node(transport)

    async def run() -> None:
        for _ in range(2):
            await asyncio.gather(collect(cached, SAME), return_exceptions=True)

    leap(run())
    assert opened(transport) == 2


def test_an_answer_that_nobody_heard_to_its_end_is_not_kept() -> None:
    """A client that leaves ends the generation, and with it the recording."""
    transport = Scripted({"dense": [b"a", Hang()]})
    cached = node(transport)

    async def run() -> None:
        for _ in range(2):
            async with aclosing(cached(SAME, context())) as frames:  # type: ignore[type-var]
                await anext(frames)

    leap(run())
    assert transport.log == ["open dense", "close dense"] * 2


def test_an_answer_given_in_the_place_of_a_failed_target_is_not_kept() -> None:
    """The next request may find the target well again."""
    transport = Scripted({"dense": [NoReplica("none")], "moe": WHOLE})
    cached = node(transport, {"f": {"fallback": ["dense", "moe"]}}, cache="f")

    async def run() -> list[str]:
        return [note(await collect(cached, SAME)) for _ in range(2)]

    assert leap(run()) == ["miss", "miss"]


@pytest.mark.parametrize(
    ("body", "kept"), [(b'{"data":[[0.5]]}', True), (b'{"error":{"message":"x"}}', False), (b"\xff", False)]
)
def test_vectors_are_kept_where_they_are_sound(body: bytes, kept: bool) -> None:
    """They have no reason to end by which one could tell."""
    request = Request(endpoint="embeddings", model="", body={"input": "hi"})
    transport, _ = played([b"", Frame(data=body)], (request, context()), (request, context()))
    assert opened(transport) == (1 if kept else 2)


def test_an_answer_that_is_too_large_is_not_kept() -> None:
    """And everybody gets all of it."""
    transport, results = played(WHOLE, (SAME, context()), (SAME, context()), largest=300)
    assert opened(transport) == 2
    assert all(said(frames)[0] == b"ab!" for frames in results)


def test_clients_may_say_no() -> None:
    """no-store: neither looked for nor kept; no-cache: made anew, and kept."""
    calls = [(SAME, context(headers={"cache-control": told})) for told in ("no-store", "max-age=0, No-Cache", "", "x")]
    meter = Meter()
    transport, results = played(WHOLE, *calls, meters=meter)
    assert [note(frames) for frames in results] == ["bypass", "bypass", "hit", "hit"]
    assert meter.outcomes == ["bypass", "bypass", "hit", "hit"]
    assert opened(transport) == 2


@pytest.mark.parametrize("tags", ["a b", "x" * 65, "<>", ",".join("abcdefghi")])
def test_tags_that_are_none_are_refused(tags: str) -> None:
    """Whoever cannot forget by a tag should know before."""
    with pytest.raises(Invalid, match="x-tercet-cache-tags"):
        played(WHOLE, (SAME, context(headers={"x-tercet-cache-tags": tags})))


@pytest.mark.parametrize(
    "named", [{"tenant": "anonymous"}, {"model": "dense"}, {"tag": "configured"}, {"tag": "asked"}]
)
def test_answers_are_forgotten(named: dict[str, str]) -> None:
    """By tenant, model, and tags of the section or the request; one that was under way as well."""
    answers, transport = Answers(), Scripted({"dense": [Pause(2), *WHOLE]})
    cached = node(transport, answers=answers, tags=["configured"])
    asked = context(headers={"x-tercet-cache-tags": "asked, too"})

    async def run() -> list[str]:
        under_way = asyncio.create_task(collect(cached, SAME, asked))
        await asyncio.sleep(1)
        await answers.forget(0.0, **named)
        told = [
            note(await under_way),
            note(await collect(cached, SAME, asked)),
            note(await collect(cached, SAME, asked)),
        ]
        await answers.forget(0.0, **named)
        return [*told, note(await collect(cached, SAME, asked))]

    assert leap(run()) == ["miss", "miss", "hit", "miss"]


def test_a_stale_answer_is_given_while_a_new_one_is_made() -> None:
    """Once, by one generation that nobody is charged for; then the new one is given."""
    transport = Scripted({"dense": [Pause(1), *WHOLE]})
    cached = node(transport, ttl=60, stale=600)

    async def run() -> list[str]:
        told = [note(await collect(cached, SAME, context()))]
        asked = later(61, deadline_s=100, spent=lambda _: None)
        told += [note(await collect(cached, SAME, asked)) for _ in range(3)]
        await asyncio.sleep(2)
        return [*told, note(await collect(cached, SAME, later(62))), note(await collect(cached, SAME, later(999)))]

    assert leap(run()) == ["miss", "stale", "stale", "stale", "hit", "miss"]
    assert [one.charged for _, one in transport.seen] == [True, False, True]
    assert transport.seen[1][1].call_id == "r1.anew-c"
    assert transport.seen[1][1].spent is unspent, "what nobody asked for is no cost of the one who got a kept answer"


def test_a_new_answer_that_does_not_come_leaves_the_old_one() -> None:
    """Neither a failure nor a deadline of what runs beside is anybody's."""

    class Dying(Scripted):
        async def stream(self, pool: str, request: Request, context: Context) -> Any:
            self._pools = {"dense": WHOLE if not self.seen else [Hang()] if len(self.seen) == 1 else [NoReplica("x")]}
            async for frame in super().stream(pool, request, context):
                yield frame

    transport = Dying({})
    cached = node(transport, ttl=60, stale=600)

    async def run() -> list[str]:
        told = [note(await collect(cached, SAME, context()))]
        for _ in range(3):
            told.append(note(await collect(cached, SAME, later(61, deadline_s=asyncio.get_running_loop().time() + 5))))
            await asyncio.sleep(6)
        return told

    assert leap(run()) == ["miss", "stale", "stale", "stale"]
    assert opened(transport) == 4


def test_choices_on_the_way_are_told_again() -> None:
    """A record above names the arm of a hit as well."""
    heard: list[tuple[str, str]] = []
    transport = Scripted({"dense": WHOLE})
    cached = node(transport, {"s": {"split": {"dense": 1}}}, cache="s")

    async def run() -> None:
        for _ in range(2):
            await collect(cached, SAME, context(chose=lambda *what: heard.append(what)))

    leap(run())
    assert heard == [("s", "dense")] * 2


def test_over_a_coalesce_many_at_once_cost_one_generation() -> None:
    """The two together: those under way share, and those later hit."""
    transport = Scripted({"dense": [Pause(1), *WHOLE]})
    cached = node(transport, {"s": {"coalesce": "dense"}}, cache="s")

    async def run() -> list[str]:
        at_once = await asyncio.gather(*(collect(cached, SAME, context(request_id=f"r{at}")) for at in range(5)))
        return [*map(note, at_once), note(await collect(cached, SAME, later(5)))]

    assert leap(run()) == ["miss"] * 5 + ["hit"]
    assert opened(transport) == 1


def test_an_answer_in_many_frames_is_given_in_few() -> None:
    """What is there need not come token by token, and no piece is larger than it has to be."""
    many: list[Act] = [*(f"word {at} ".encode() for at in range(20_000)), END]
    _, (first, second) = played(many, (SAME, context()), (SAME, context()), largest="32MiB")
    assert said(first) == said(second)
    assert len(second) < 10


@given(st.dictionaries(st.sampled_from(["temperature", "seed", "top_p", "stop", "n"]), st.integers(0, 2), min_size=1))
def test_every_field_is_part_of_the_key(fields: dict[str, int]) -> None:
    """Two bodies have the same key only if they are equal."""
    built = cache.Cache("c", parse({"cache": "dense", "any": True}), cache.Wiring())  # type: ignore[arg-type]
    one, other = chat("hi", **fields), chat("hi", **{**fields, "top_p": 0.25})
    assert built._key(one, context()) == built._key(
        chat("hi", **dict(reversed(fields.items()))), context(request_id="r")
    )
    assert built._key(one, context()) != built._key(other, context())


@pytest.mark.parametrize(("request_", "says"), [(SAME, "gets the answer"), (chat(), "is answered anew")])
def test_explains(request_: Request, says: str) -> None:
    """``tercet explain`` tells whether an answer could be kept."""
    plan = cache.plan(parse({"cache": "dense"}), Subject(request_, context()))  # type: ignore[arg-type]
    assert plan.order == ("dense",)
    assert plan.why[0].startswith(says)


@pytest.mark.parametrize("section", [{"ttl": 0}, {"ttl": "99d"}, {"tags": ["a b"]}, {"any": "yes"}, {"ttll": 1}])
def test_sections_that_cannot_be(section: dict[str, Any]) -> None:
    """Bounds, tags and keys."""
    with pytest.raises(ValueError, match=next(iter(section))):
        parse({"cache": "dense", **section})


def test_memory_is_bounded_over_many_answers() -> None:
    """Whatever is asked, the first level stays within its bytes."""
    answers = Answers(AnswersSettings(memory=2**20))
    calls = [(chat(f"{at}", temperature=0, stream=True), context()) for at in range(60)]
    played([b"", Frame(data=b"x" * 50_000, text="x", tokens=1, finish_reason="stop")], *calls, answers=answers)
    assert 2**19 < answers.size <= 2**20
