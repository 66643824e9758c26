"""ensemble: whose answer is given, what the others cost, and that nobody is left running."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from deployments.errors import DeadlineExceeded, EngineFailed, Invalid, NoReplica, Overloaded, ServingError
from deployments.graph.explain import explain, render
from deployments.graph.spec import dump, parse, parse_graph
from deployments.layers.deadline import deadline
from deployments.request import Frame, Head, Request
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context

VOTE = {"ensemble": ["dense", "moe", "distilled"], "choose": "vote"}
JUDGED = {"ensemble": ["dense", "moe"], "choose": "judge", "judge": "distilled"}
MERGED = {"ensemble": ["dense", "moe"], "choose": "merge", "merger": "distilled"}


def says(text: str, *, after: float = 0.0, tokens: int = 1) -> list[Act]:
    """Return an early head, and then the words with *tokens* tokens."""
    return [b"", Pause(after), Frame(data=text.encode(), text=text, tokens=tokens)]


class Played:
    """One request through an ensemble, and all that it left behind."""

    def __init__(
        self, spec: dict[str, Any], request: Request | None = None, bounded_s: float | None = None,
        **pools: Sequence[Act],
    ) -> None:  # fmt: skip
        self.transport = Scripted(pools)
        self.hidden = 0
        self.edges: list[tuple[str, str, str]] = []
        node = compiled(
            {"e": spec}, self.transport, hidden=self._spent, observe=lambda *edge: self.edges.append(edge)
        )["e"]  # fmt: skip
        self.frames: list[Frame] = []
        self.took_s = 0.0

        async def run() -> None:
            clock = asyncio.get_running_loop().time
            limited = node if bounded_s is None else deadline(clock)(node)
            async for frame in limited(request or chat("2+2?", stream=True), context(deadline_s=bounded_s or 1e9)):
                self.frames.append(frame)
            self.took_s = clock()

        leap(run())
        assert sorted(self.opened) == sorted(self.closed)

    def _spent(self, node: str, tokens: int) -> None:
        self.hidden += tokens

    @property
    def opened(self) -> list[str]:
        return [line.removeprefix("open ") for line in self.transport.log if line.startswith("open")]

    @property
    def closed(self) -> list[str]:
        return [line.removeprefix("close ") for line in self.transport.log if line.startswith("close")]

    @property
    def text(self) -> str:
        return "".join(frame.text for frame in self.frames)

    @property
    def head(self) -> Head:
        return next(frame.head for frame in reversed(self.frames) if frame.head is not None)

    @property
    def told(self) -> str:
        return self.head.notes["ensemble"]


def test_all_are_asked_at_once_in_calls_of_their_own() -> None:
    """The time is that of the slowest, not of all together."""
    played = Played(VOTE, dense=says("4", after=2), moe=says("5", after=3), distilled=says("6", after=4))
    assert played.took_s == pytest.approx(4)
    assert {asked.call_id for _, asked in played.transport.seen} == {"r1.e.0", "r1.e.1", "r1.e.2"}


def test_vote_gives_what_most_agree_on() -> None:
    """However each of them writes it; the losers' tokens are hidden work."""
    played = Played(VOTE, dense=says("Five", tokens=2), moe=says("4."), distilled=says("The answer is 4", tokens=5))
    assert (played.text, played.told) == ("4.", "moe chosen by 2 of 3 votes")
    assert played.hidden == 7
    assert sum(frame.tokens for frame in played.frames) == 1
    assert played.head.path == ("e", "moe")


def test_a_tie_falls_to_whoever_is_listed_first() -> None:
    """The same answers always give the same choice."""
    played = Played({**VOTE, "ensemble": ["dense", "moe"]}, dense=says("a", after=1), moe=says("b"))
    assert played.told == "dense chosen by 1 of 2 votes"


def test_a_decided_vote_stops_whoever_is_still_at_work() -> None:
    """Two of three agree: the third cannot change it."""
    played = Played(VOTE, dense=says("4"), moe=says("4"), distilled=[b"", Frame(data=b"x", tokens=3), Hang()])
    assert played.told == "dense chosen by 2 of 2 votes; distilled was too late"
    assert played.hidden == 1 + 3


@pytest.mark.parametrize("aside", ["", "Let me look."])
def test_tool_calls_do_not_agree_because_their_texts_do(aside: str) -> None:
    """Nobody knows whether they call the same, so all are waited for and the first listed is given."""

    def calls(name: str, after: float = 0.0) -> list[Act]:
        frame = Frame(data=name.encode(), text=aside, tokens=5, finish_reason="tool_calls")
        return [b"", Pause(after), frame]

    played = Played(VOTE, dense=calls("delete"), moe=calls("read"), distilled=calls("read", after=2))
    assert [frame.data for frame in played.frames if frame.data] == [b"delete"]
    assert played.told == "dense chosen by 1 of 3 votes"


def test_one_target_may_be_asked_several_times() -> None:
    """Several samples of one model are an ensemble as well."""
    played = Played({"ensemble": ["dense"] * 3, "choose": "vote"}, dense=says("4"))
    assert played.opened == ["dense"] * 3


@pytest.mark.parametrize(("scores", "text"), [(("3", "9"), "b"), (("9", "3"), "a"), (("7", "7"), "a")])
def test_judge_gives_the_best(scores: tuple[str, str], text: str) -> None:
    """Each answer is scored by itself."""

    class Judging(Scripted):
        async def stream(self, pool, request, context):  # type: ignore[no-untyped-def]
            if pool == "distilled":
                shown = request.body["messages"][-1]["content"]
                self.seen.append((request, context))
                yield Frame(data=b"x", text=scores[0] if "Answer:\na" in shown else scores[1], tokens=1)
                return
            async for frame in super().stream(pool, request, context):
                yield frame

    transport = Judging({"dense": says("a"), "moe": says("b")})
    frames = leap(collect(compiled({"e": JUDGED}, transport)["e"], chat(stream=True)))
    assert frames[-1].text == text
    assert frames[-1].head is not None
    told = f"chosen by judge distilled: {int(scores[0]) / 10:.2f}, {int(scores[1]) / 10:.2f}"
    assert frames[-1].head.notes["ensemble"].endswith(told)
    assert {asked.call_id for _, asked in transport.seen} == {"r1.e.0", "r1.e.1", "r1.e.judge0", "r1.e.judge1"}


@pytest.mark.parametrize("trouble", [Overloaded("full"), EngineFailed("died"), Hang(), b"lovely"])
def test_a_judge_that_gives_no_score_leaves_the_first(trouble: Act) -> None:
    """The answers are there; the client gets one of them."""
    played = Played(JUDGED, dense=says("a"), moe=says("b"), distilled=[trouble])
    assert played.text == "a"
    assert played.told.startswith("dense answered first of those listed: judge distilled")


def test_a_lone_answer_is_not_judged() -> None:
    """There is nothing to choose."""
    played = Played(JUDGED, dense=[NoReplica("none")], moe=says("b"), distilled=says("9"))
    assert played.told == "moe answered alone; dense failed no_replica"
    assert "distilled" not in played.opened


def test_merge_streams_what_the_merger_makes_of_the_answers() -> None:
    """It sees the client's request with the drafts, and its answer is not held."""
    merger = [b"", Frame(data=b"x", text="x", tokens=1), Pause(1), Frame(data=b"y", text="y", tokens=1)]
    played = Played(MERGED, dense=says("first draft", tokens=2), moe=says("second draft", tokens=3), distilled=merger)
    assert [frame.data for frame in played.frames if frame.data] == [b"x", b"y"]
    assert played.told == "distilled merged 2 answers: dense, moe"
    assert played.hidden == 5
    request, asked = played.transport.seen[-1]
    words = request.body["messages"][-1]["content"]
    assert words.startswith("2+2?")
    assert "[1] first draft" in words
    assert "[2] second draft" in words
    assert request.stream
    assert asked.call_id == "r1.e.merge"


def test_a_merger_that_fails_leaves_the_first_answer() -> None:
    """Until it has delivered something."""
    played = Played(MERGED, dense=says("a"), moe=says("b"), distilled=[b"", EngineFailed("died")])
    assert played.text == "a"
    assert played.told == "dense answered first of those listed; merger distilled failed engine_failed"
    with pytest.raises(EngineFailed):
        Played(MERGED, dense=says("a"), moe=says("b"), distilled=[b"x", EngineFailed("died")])


def test_what_is_no_conversation_is_not_merged() -> None:
    """The refusal names the way out."""
    request = Request(endpoint="completion", model="", body={"prompt": "Once"}, stream=True)
    with pytest.raises(Invalid, match=r"e merges answers to messages.*/v1/chat/completions"):
        Played(MERGED, request, dense=says("a"), moe=says("b"), distilled=says("c"))


def test_answers_that_come_whole_are_chosen_from_alike() -> None:
    """One body is given, untouched."""
    whole = Frame(data=b'{"a":1}', text="4", tokens=3, prompt_tokens=9, finish_reason="stop")
    played = Played(VOTE, chat(), dense=[b"", whole], moe=says("5"), distilled=says("4"))
    assert b"".join(frame.data for frame in played.frames) == b'{"a":1}'
    assert (played.frames[-1].prompt_tokens, played.frames[-1].finish_reason) == (9, "stop")


@pytest.mark.parametrize("error", [Overloaded("full"), EngineFailed("died"), Invalid("too long here")])
def test_one_that_fails_leaves_the_others(error: ServingError) -> None:
    """Whatever it failed of."""
    played = Played(VOTE, dense=[error], moe=says("4"), distilled=says("4"))
    assert played.text == "4"
    assert played.told.endswith(f"; dense failed {error.code}")


def test_when_all_fail_the_error_tells_of_each() -> None:
    """And any advice on when to retry is kept."""
    with pytest.raises(EngineFailed) as caught:
        Played(VOTE, dense=[Overloaded("full", retry_after_s=3)], moe=[b"x", NoReplica("gone")],
               distilled=[EngineFailed("died")])  # fmt: skip
    assert "dense!pool_overloaded: full; moe!no_replica: gone; distilled!engine_failed: died" in caught.value.message
    assert caught.value.retry_after_s == 3


def test_a_quorum_ends_the_wait() -> None:
    """The slowest is stopped once enough have answered."""
    spec = {**VOTE, "quorum": 2}
    played = Played(spec, dense=says("4", after=1), moe=says("5", after=2), distilled=says("6", after=60))
    assert played.took_s == pytest.approx(2)
    assert played.told == "dense chosen by 1 of 2 votes; distilled was too late"


def test_the_wait_begins_with_the_first_answer() -> None:
    """Who is later than that is left out."""
    spec = {**VOTE, "wait": "5s"}
    played = Played(spec, dense=says("4", after=10), moe=[b"", Hang()], distilled=says("6", after=14))
    assert played.took_s == pytest.approx(15)
    assert played.told == "dense chosen by 1 of 2 votes; moe was too late"


def test_a_wait_alone_does_not_give_up_on_everyone() -> None:
    """Before the first answer only the request's deadline counts."""
    assert Played({**VOTE, "wait": "1s"}, dense=says("4", after=30), moe=[Hang()], distilled=[Hang()]).text == "4"


def test_the_deadline_ends_every_branch() -> None:
    """Nobody outlives the request."""
    pools: dict[str, list[Act]] = {"dense": [b"", Hang()], "moe": [Hang()], "distilled": says("4")}
    transport = Scripted(pools)
    node = compiled({"e": VOTE}, transport)["e"]

    async def run() -> None:
        clock = asyncio.get_running_loop().time
        with pytest.raises(DeadlineExceeded):
            await collect(deadline(clock)(node), chat(stream=True), context(deadline_s=3.0))
        assert sum(line.startswith("close") for line in transport.log) == 3
        assert len(asyncio.all_tasks()) == 1

    leap(run())


@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.5, 2.5])
def test_a_client_that_leaves_closes_every_branch(after_s: float) -> None:
    """At whatever moment: while branches run, while the judge does."""
    transport = Scripted({"dense": says("a", after=1), "moe": says("b", after=2), "distilled": [Pause(1), b"9"]})
    node = compiled({"e": JUDGED}, transport)["e"]

    async def run() -> None:
        task = asyncio.create_task(collect(node, chat(stream=True)))
        await asyncio.sleep(after_s)
        task.cancel()
        await asyncio.wait([task])
        assert len(asyncio.all_tasks()) == 1

    leap(run())
    counts = [sum(line.startswith(word) for line in transport.log) for word in ("open", "close")]
    assert counts[0] == counts[1]


def test_the_first_token_of_any_branch_is_told_early() -> None:
    """A node above that waits for a first token need not wait for the choice."""
    played = Played(VOTE, dense=[Pause(1), *says("4", after=9)], moe=says("5", after=20), distilled=says("4", after=20))
    assert played.frames[0].data == b""
    assert played.frames[0].head is not None
    assert played.frames[0].head.model == "moe"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (chat(stream=True, n=2), "asks for several answers"),
        (Request(endpoint="tokenize", model="", body={"prompt": "a"}), "asks for no text"),
    ],
)
def test_what_has_no_one_text_goes_to_the_first_alone(request_: Request, reason: str) -> None:
    """There is nothing to compare."""
    played = Played(VOTE, request_, dense=says("4"), moe=says("5"), distilled=says("6"))
    assert played.opened == ["dense"]
    assert played.told == f"dense alone: the request {reason}"


def test_edges_tell_how_each_branch_ended() -> None:
    """One outcome a branch."""
    played = Played({**VOTE, "quorum": 1}, dense=says("4"), moe=[Overloaded("full")], distilled=[b"", Hang()])
    assert sorted(played.edges) == [
        ("e", "dense", "ok"), ("e", "distilled", "cancelled"), ("e", "moe", "pool_overloaded"),
    ]  # fmt: skip


@pytest.mark.parametrize("spec", [VOTE, JUDGED, {**MERGED, "quorum": 1, "wait": "2s"}])
def test_reads_back_what_it_writes(spec: dict[str, Any]) -> None:
    """A gateway gets the section as data."""
    assert parse(dump(parse(spec))) == parse(spec)


@pytest.mark.parametrize(
    ("changed", "loc", "said"),
    [
        ({"ensemble": ["dense"]}, ("ensemble",), "name at least two"),
        ({"ensemble": []}, ("ensemble",), "is empty"),
        ({"choose": "judge"}, ("choose",), "is judge, which needs a node: write judge"),
        ({"choose": "merge"}, ("choose",), "is merge, which needs a node: write merger"),
        ({"judge": "moe"}, ("judge",), "has no part in choose: vote"),
        ({"quorum": 4}, ("quorum",), "write at most 3"),
        ({"choose": "best"}, ("choose",), "'judge', 'vote' or 'merge'"),
    ],
)
def test_complaints_name_the_place_and_the_way_out(
    changed: dict[str, Any], loc: tuple[str, ...], said: str
) -> None:  # fmt: skip
    """One mistake, one line, where it was made."""
    with pytest.raises(ValidationError) as caught:
        parse({**VOTE, **changed})
    line = caught.value.errors()[0]
    assert line["loc"] == loc
    assert said in line["msg"]


def test_a_merger_answers_clients_and_a_judge_does_not() -> None:
    """What a node gives follows from whose answers it gives."""
    assert parse(MERGED).answering() == ["dense", "moe", "distilled"]
    assert parse(JUDGED).answering() == ["dense", "moe"]
    assert [name for _, name in parse(JUDGED).targets()] == ["dense", "moe", "distilled"]


def test_explains_who_is_asked_and_how_one_answer_is_made() -> None:
    """Before any engine runs."""
    graph = parse_graph({"e": {**MERGED, "quorum": 2, "wait": "5s"}})
    shown = render(explain(graph, "e", ["dense", "moe", "distilled"], chat("hi"), context()))
    assert "asks dense, moe at once, until 2 have answered, at most 5 s after the first" in shown
    assert "distilled makes one answer of theirs" in shown
