"""shadow: what the candidate is sent, what the client notices (nothing), and what is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deployments.errors import EngineFailed, Overloaded
from deployments.graph.background import Background
from deployments.graph.explain import explain
from deployments.graph.spec import dump, parse, parse_graph
from deployments.nodes.shadow.compare import cosine
from deployments.request import Frame, Head, Request
from deployments.telemetry.records import Keep, Record
from tests.deployments.gateway.building import POOLING, ask, client, engines, gateway, until, with_pooling
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context
from tests.exposition import exposition

HEAD = Head(model="dense", path=("sh", "dense"))
VECTORS = msgspec.json.encode({"data": [{"embedding": [1, 0]}, {"embedding": [0.6, 0.8]}]})


class Bench:
    """A graph with one shadow, and everything that it told."""

    def __init__(self, pools: dict[str, list[Act]], more: dict[str, Any] | None = None, **options: Any) -> None:
        self.background = Background()
        self.kept: list[Record] = []
        self.told: list[tuple[str, float | None]] = []
        self.hidden = 0
        self.transport = Scripted(pools)
        graph = {"sh": {"shadow": "dense", "to": "moe", "share": 1.0, **options}, **(more or {})}
        self.nodes = compiled(
            graph,
            self.transport,
            models=("dense", "moe", "distilled"),
            background=self.background,
            records=self._keep,
            shadowed=lambda node, outcome, agreement: self.told.append((outcome, agreement)),
            hidden=self._hide,
        )

    def _keep(self, record: Record, keep: Keep) -> None:
        self.kept.append(record)

    def _hide(self, node: str, tokens: int) -> None:
        self.hidden += tokens

    async def ask(self, request: Request | None = None, **changed: Any) -> list[bytes]:
        return [frame.data for frame in await collect(self.nodes["sh"], request or chat(), context(**changed))]

    async def settled(self) -> None:
        while len(self.background):  # noqa: ASYNC110 - in leapt time, which costs none
            await asyncio.sleep(0.5)


def run(bench: Bench, request: Request | None = None, **changed: Any) -> list[bytes]:
    async def whole() -> list[bytes]:
        frames = await bench.ask(request, **changed)
        await bench.settled()
        return frames

    return leap(whole())


def test_the_candidate_is_asked_the_same_afterwards():
    """The client has its whole answer before the candidate is asked; the call has an id of its own and is free."""
    bench = Bench({"dense": [b"a", b"b"], "moe": [b"a", b"b"]})
    assert run(bench) == [b"a", b"b"]
    assert bench.transport.log == ["open dense", "close dense", "open moe", "close moe"]
    (first, ours), (second, theirs) = bench.transport.seen
    assert {**first.body, "model": ""} == {**second.body, "model": ""}
    assert theirs.call_id != ours.call_id
    assert (ours.charged, theirs.charged) == (True, False)
    assert theirs.priority < ours.priority
    assert bench.hidden == 2


def test_a_candidate_that_never_answers_delays_nobody():
    """The client's stream ends at once; the mirrored call ends at its timeout and is counted."""
    bench = Bench({"dense": [b"a"], "moe": [Hang()]}, timeout="30s")

    async def whole() -> float:
        await bench.ask()
        at_s = asyncio.get_running_loop().time()
        await bench.settled()
        return at_s

    assert leap(whole()) == 0
    assert bench.told == [("deadline_exceeded", None)]
    assert bench.transport.log[-1] == "close moe"


@pytest.mark.parametrize("error", [Overloaded("full"), EngineFailed("died")])
def test_a_candidate_that_fails_is_counted_and_kept(error):
    """By its code; the client got its answer."""
    bench = Bench({"dense": [b"a"], "moe": [error]})
    assert run(bench) == [b"a"]
    assert bench.told == [(error.code, None)]
    assert [(record.arms["sh"], record.outcome) for record in bench.kept] == [("dense", "ok"), ("moe", error.code)]


def test_an_answer_that_failed_is_not_mirrored():
    """There would be nothing to compare with."""
    bench = Bench({"dense": [EngineFailed("died")], "moe": [b"a"]})
    with pytest.raises(EngineFailed):
        run(bench)
    assert bench.told == []
    assert "open moe" not in bench.transport.log


def test_a_client_that_leaves_is_not_mirrored():
    """Half an answer is compared with nothing."""
    bench = Bench({"dense": [b"a", Hang()], "moe": [b"a"]})

    async def whole() -> None:
        frames = bench.nodes["sh"](chat(), context())
        await anext(frames)
        await frames.aclose()  # type: ignore[attr-defined]
        await bench.settled()

    leap(whole())
    assert bench.transport.log == ["open dense", "close dense"]


@pytest.mark.parametrize(("finish_reason", "mirrored"), [("stop", 1), (None, 0)])
def test_an_answer_that_was_closed_after_its_end_is_mirrored(finish_reason, mirrored):
    """A node above that has enough does not wait for the end of the stream; what it cut short is no whole answer."""
    last = Frame(data=b"b", text="b", tokens=1, finish_reason=finish_reason)
    short = {"short": {"transform": "sh", "stop_after": "b"}}
    bench = Bench({"dense": [b"a", last, Hang()], "moe": [b"a", b"b"]}, more=short)

    async def whole() -> None:
        await collect(bench.nodes["short"], chat(stream=True), context())
        await bench.settled()

    leap(whole())
    assert bench.told == [("compared", 1.0)] * mirrored


@pytest.mark.parametrize(
    ("answer", "candidate", "score"),
    [
        (b"Paris.", b"Paris.", 1.0),
        (b" Paris\n is  nice ", b"Paris is nice", 1.0),
        ("caf\u00e9".encode(), "cafe\u0301".encode(), 1.0),
        (b"Paris", b"paris", 0.0),
    ],
)
def test_exact_is_up_to_white_space_and_normal_form(answer, candidate, score):
    """Two records a mirrored request: the client's, and the candidate's with the score."""
    bench = Bench({"dense": [answer], "moe": [candidate]}, text=True)
    run(bench)
    assert bench.told == [("compared", score)]
    theirs, ours = bench.kept
    assert (theirs.score, ours.score, ours.judged_by) == (None, score, "exact")
    assert (theirs.kind, theirs.request_id, ours.request_id) == ("shadow", "r1", "r1")
    assert ours.answer == candidate.decode()


def test_an_empty_answer_agrees_with_none_but_with_another_empty_one_nobody_can_tell():
    """Tool calls have no text."""
    bench = Bench({"dense": [b"a"], "moe": [Frame(data=b"x", head=HEAD)]})
    run(bench)
    assert bench.told == [("compared", 0.0)]
    both = Bench({"dense": [Frame(data=b"x", head=HEAD)], "moe": [Frame(data=b"x", head=HEAD)]})
    run(both)
    assert both.told == [("unjudged", None)]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (VECTORS, ("compared", 0.6)),
        (b'{"data": [{"embedding": [1]}]}', ("unjudged", None)),
        (b'{"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}', ("unjudged", None)),
        (b"not json", ("unjudged", None)),
        (Overloaded("full"), ("unjudged", None)),
    ],
)
def test_embedding_is_the_cosine_of_both_vectors(said, told):
    """An embedder that fails leaves the pair without a score, and says so in the record."""
    bench = Bench({"dense": [b"a"], "moe": [b"b"], "distilled": [said]}, compare="embedding", embedder="distilled")
    run(bench)
    (outcome, score) = bench.told[0]
    assert (outcome, score) == (told[0], pytest.approx(told[1]) if told[1] is not None else None)
    assert "embedder distilled" in bench.kept[1].judged_by
    asked = bench.transport.seen[-1][0]
    assert (asked.endpoint, asked.body["input"]) == ("embeddings", ["a", "b"])


@pytest.mark.parametrize(
    ("said", "told"),
    [(b"8", ("compared", 0.8)), (b"I cannot say", ("unjudged", None)), (EngineFailed("died"), ("unjudged", None))],
)
def test_a_judge_reads_both_answers(said, told):
    """The judge sees the question, the reference and the candidate's answer."""
    bench = Bench({"dense": [b"aa"], "moe": [b"bb"], "distilled": [said]}, compare="judge", judge="distilled")
    run(bench, chat("why?"))
    assert bench.told == [told]
    read = bench.transport.seen[-1][0].body["messages"][-1]["content"]
    assert "why?" in read
    assert read.index("aa") < read.index("bb")
    assert len({ctx.call_id for _, ctx in bench.transport.seen}) == 3


def test_no_more_than_at_once():
    """What comes while the candidate is busy is not mirrored, and counted."""
    bench = Bench({"dense": [b"a"], "moe": [Pause(5), b"a"]}, at_once=2)

    async def whole() -> None:
        for at in range(5):
            await bench.ask(request_id=f"r{at}")
        await bench.settled()
        await bench.ask(request_id="later")
        await bench.settled()

    leap(whole())
    assert [outcome for outcome, _ in bench.told] == ["busy"] * 3 + ["compared"] * 3


def test_what_is_under_way_ends_with_its_owner():
    """Closing the background cancels the candidate's call, and the count says so."""
    bench = Bench({"dense": [b"a"], "moe": [Hang()]})

    async def whole() -> None:
        await bench.ask()
        await asyncio.sleep(1)
        await bench.background.close()

    leap(whole())
    assert bench.told == [("cancelled", None)]
    assert bench.transport.log[-1] == "close moe"


@pytest.mark.parametrize(
    "request_",
    [
        Request(endpoint="embeddings", model="", body={"input": "x"}),
        Request(endpoint="response", model="", body={}, replica="dense#0"),
        Request(endpoint="responses", model="", body={"input": "x", "previous_response_id": "resp_1"}),
        Request(endpoint="responses", model="", body={"input": "x", "background": True}),
    ],
)
def test_what_cannot_be_repeated_is_passed_on(request_):
    """A request that refers to one replica's state has no twin elsewhere."""
    bench = Bench({"dense": [b"a"], "moe": [b"a"]})
    assert run(bench, request_) == [b"a"]
    assert bench.transport.log == ["open dense", "close dense"]


def test_a_mirrored_response_is_not_stored():
    """Nobody will ever ask for it."""
    bench = Bench({"dense": [b"a"], "moe": [b"a"]})
    run(bench, Request(endpoint="responses", model="", body={"input": "x"}))
    assert [request.body.get("store") for request, _ in bench.transport.seen] == [None, False]


def test_a_shadow_below_a_candidate_mirrors_nothing_and_records_count_no_shadow():
    """Shadows cast no shadows, and a record node keeps what clients asked for."""
    more = {
        "inner": {"shadow": "kept", "to": "distilled", "share": 1},
        "kept": {"record": "moe"},
    }
    bench = Bench({"dense": [b"a"], "moe": [b"a"], "distilled": [b"a"]}, more, to="inner")
    run(bench)
    assert "open distilled" not in bench.transport.log
    assert [record.kind for record in bench.kept] == ["shadow", "shadow"]


def test_a_share_is_mirrored():
    """A quarter, by the request's id."""
    bench = Bench({"dense": [b"a"], "moe": [b"a"]}, share="25%")

    async def whole() -> None:
        for at in range(400):
            await bench.ask(request_id=f"r{at}")
            await bench.settled()

    leap(whole())
    assert abs(len(bench.told) - 100) < 4 * (400 * 0.25 * 0.75) ** 0.5


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3), st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3))
def test_a_cosine_is_a_score(one, other):
    """Between 0 and 1, the same both ways, and 1 for a vector and itself."""
    assert 0 <= cosine(one, other) <= 1
    assert cosine(one, other) == cosine(other, one)
    assert cosine(one, one) == (pytest.approx(1) if any(abs(value) > 1e-100 for value in one) else cosine(one, one))


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"to": "dense"}, "answers already"),
        ({"compare": "judge"}, "judge\n.*required by compare: judge"),
        ({"compare": "embedding", "judge": "moe"}, "asked only with compare: judge"),
        ({"embedder": "moe"}, "asked only with compare: embedding"),
        ({"at_once": 1000}, "less than or equal to 128"),
        ({"share": "200%"}, "between 0% and 100%"),
    ],
)
def test_refuses_what_makes_no_sense(written, complaint):
    """Each mistake is told with the way out."""
    with pytest.raises(ValidationError, match=complaint):
        parse({"shadow": "dense", "to": "moe", **written})


def test_is_written_read_and_explained():
    """The candidate is no part of the client's path."""
    spec = parse({"shadow": "dense", "to": "moe", "share": "5%", "compare": "judge", "judge": "dense"})
    assert parse(dump(spec)) == spec
    told = explain(parse_graph({"sh": dump(spec)}), "sh", ["dense", "moe"], chat(), context())
    assert told.path == ("sh", "dense")
    assert "mirrors 5 % to moe" in told.step.why[0]


def test_a_crash_in_the_candidate_is_counted_and_reaches_nobody():
    """Whatever is raised there stays there."""
    bench = Bench({"dense": [b"a"], "moe": [RuntimeError("not a serving error")]})
    assert run(bench) == [b"a"]
    assert bench.told == [("internal_error", None)]


async def test_through_http_with_a_real_embedder(tmp_path):
    """Two synthetic engines and a pooling one: metrics and records tell how well they agree."""
    graph = {
        "sh": {"shadow": "dense", "to": "moe", "share": 1, "compare": "embedding", "embedder": POOLING, "text": True}
    }
    async with engines() as transport:
        served = gateway(transport, **with_pooling(graph=graph, default="sh", folder=tmp_path))
        async with client(served) as calls:
            answer = await calls.post("/v1/chat/completions", json=ask(max_tokens=6))
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-tercet-model"] == "dense"
        wanted = b'tercet_shadow_total{node="sh",outcome="compared"} 1.0'
        await until(lambda: wanted in exposition(served.metrics))
        assert b'tercet_shadow_agreement_count{node="sh"} 1.0' in exposition(served.metrics)
        await until(lambda: b'tercet_records_total{node="sh",outcome="written"} 2.0' in exposition(served.metrics))
        await served.close()
