"""cascade: who answers, how long an answer is held for it, and what the client is told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from deployments.errors import (
    ContextTooLong,
    DeadlineExceeded,
    Declined,
    EngineFailed,
    FirstTokenTimeout,
    Invalid,
    NoReplica,
    Overloaded,
    ServingError,
)  # fmt: skip
from deployments.layers.deadline import deadline
from deployments.nodes.cascade.held import unjudgeable
from deployments.request import Context, Frame, Head, Request
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context

SURE = {"mean_logprob": -0.8, "after": 4}


def token(logprob: float = -0.1, text: str = "x", margin: float = 2.0, **more: Any) -> Frame:
    return Frame(data=text.encode(), text=text, tokens=1, logprob=logprob, margin=margin, **more)


def tokens(count: int, logprob: float = -0.1, **more: Any) -> list[Act]:
    """Return a stream whose first frame is an early head, as an engine's would be."""
    return [b"", *(token(logprob, **more) for _ in range(count))]


class Played:
    """One request through ``auto``, a cascade of distilled and moe, and all that it left behind."""

    def __init__(
        self, distilled: Sequence[Act], moe: Sequence[Act] = (b"m",), *, accept: Mapping[str, Any] = SURE,
        request: Request | None = None, dense: Sequence[Act] = (), bounded_s: float | None = None,
    ) -> None:  # fmt: skip
        self.transport = Scripted({"distilled": distilled, "moe": moe, "dense": dense})
        self.edges: list[tuple[str, str, str]] = []
        self.hidden: list[tuple[str, int]] = []
        graph = {"auto": {"cascade": [{"to": "distilled", "accept": accept}, {"to": "moe"}]}}
        node = compiled(
            graph, self.transport, observe=lambda *edge: self.edges.append(edge),
            hidden=lambda *spent: self.hidden.append(spent),
        )["auto"]  # fmt: skip
        self.frames: list[Frame] = []
        asked = request or chat(stream=True)

        async def run() -> None:
            clock = asyncio.get_running_loop().time
            limited = node if bounded_s is None else deadline(clock)(node)
            async for frame in limited(asked, context(deadline_s=bounded_s or 1e9)):
                self.frames.append(frame)

        leap(run())

    @property
    def head(self) -> Head:
        return next(frame.head for frame in reversed(self.frames) if frame.head is not None)

    @property
    def text(self) -> str:
        return "".join(frame.text for frame in self.frames)

    @property
    def told(self) -> str:
        return self.head.notes["cascade"]


def test_a_sure_answer_streams_on_after_its_window() -> None:
    """The first four tokens come together once they are judged; from there nothing is held."""
    played = Played(tokens(7))
    data = [frame.data for frame in played.frames if frame.data]
    assert data == [b"xxxx", b"x", b"x", b"x"]
    assert played.told == "distilled accepted mean_logprob -0.10 >= -0.8 after 4 tokens"
    assert played.head.notes["held"] == "4 tokens, 0 ms"
    assert played.transport.log == ["open distilled", "close distilled"]
    assert played.hidden == []


def test_an_unsure_answer_is_stopped_at_its_window() -> None:
    """The larger model is asked after four tokens, not after the whole answer; the client sees only its own."""
    played = Played([*tokens(4, -1.5), Hang()])
    assert played.text == "m"
    assert played.told == "distilled rejected mean_logprob -1.50 < -0.8 after 4 tokens; moe"
    assert played.transport.log == ["open distilled", "close distilled", "open moe", "close moe"]
    assert played.head.path == ("auto", "distilled!declined", "moe")
    assert played.hidden == [("auto", 4)]
    assert played.edges == [("auto", "distilled", "declined"), ("auto", "moe", "ok")]


def test_the_time_that_an_answer_was_held_is_told() -> None:
    """From its first token to its judgement, on the graph's clock."""
    played = Played([Pause(1), b"", *(act for _ in range(4) for act in (Pause(0.1), token()))])
    assert played.head.notes["held"] == "4 tokens, 400 ms"


def test_usage_is_that_of_the_answer_delivered() -> None:
    """Held tokens are delivered once, rejected ones never."""
    ending = token(prompt_tokens=9, finish_reason="stop")
    played = Played([*tokens(2), ending])
    assert sum(frame.tokens for frame in played.frames) == 3
    assert played.frames[-1].prompt_tokens == 9
    assert played.frames[-1].finish_reason == "stop"
    assert sum(frame.tokens for frame in Played(tokens(4, -2), [token(), token()]).frames) == 2


def test_the_first_token_is_told_early_and_commits_to_nothing() -> None:
    """A node above that waits for a first token sees it before the judgement."""
    played = Played(tokens(4, -2))
    assert [(frame.data, frame.head and frame.head.model) for frame in played.frames] == [
        (b"", "distilled"),
        (b"m", "moe"),
    ]


def test_a_short_answer_is_judged_at_its_end() -> None:
    """Fewer tokens than the window are all there is to go by."""
    assert Played(tokens(2)).told == "distilled accepted mean_logprob -0.10 >= -0.8 after 2 tokens"
    assert Played(tokens(2, -0.9)).text == "m"


def test_what_follows_the_window_does_not_change_the_judgement() -> None:
    """A criterion that needs the whole answer does not make the others look at more than their window."""
    acts = [*tokens(4), *(token(-9.0) for _ in range(8))]
    assert Played(acts, accept={**SURE, "max_tokens": 50}).text == "x" * 12


def test_an_answer_that_comes_whole_is_judged_whole() -> None:
    """One body with all its tokens; the header says how many."""
    body = Frame(data=b"{}", text="a", tokens=20, logprob=-30.0, margin=1.0)
    played = Played([b"", body], [b"", Frame(data=b"[]", text="b", tokens=3)], request=chat())
    assert b"".join(frame.data for frame in played.frames) == b"[]"
    assert played.told == "distilled rejected mean_logprob -1.50 < -0.8 after 20 tokens; moe"


def test_margin_is_the_mean_distance_of_the_two_likeliest_tokens() -> None:
    """A flat distribution is rejected however likely its best token looks."""
    accept = {"margin": 0.5, "after": 4}
    assert Played(tokens(4, margin=0.4), accept=accept).told == (
        "distilled rejected margin 0.40 < 0.5 after 4 tokens; moe"
    )
    assert Played(tokens(4, margin=0.5), accept=accept).text == "xxxx"


def test_probabilities_are_asked_for_only_where_they_are_judged() -> None:
    """An engine that needs not tell is spared the work."""
    assert [request.judged for request, _ in Played(tokens(4, -2)).transport.seen] == [True, False]
    assert not Played(tokens(4), accept={"min_tokens": 2}).transport.seen[0][0].judged


def test_an_engine_that_tells_no_probabilities_is_not_judged_by_them() -> None:
    """The answer passes, and the header says why."""
    assert Played(tokens(4, 0.0, margin=0.0)).told == "distilled accepted mean_logprob not told"


@pytest.mark.parametrize(
    ("accept", "count", "told"),
    [
        ({"min_tokens": 5}, 4, "distilled rejected 4 tokens < min_tokens 5; moe"),
        ({"min_tokens": 5}, 5, "distilled accepted"),
        ({"max_tokens": 3}, 4, "distilled rejected more than max_tokens 3; moe"),
        ({"max_tokens": 3}, 3, "distilled accepted"),
    ],
)
def test_length(accept: dict[str, Any], count: int, told: str) -> None:
    """Both bounds belong to what is accepted."""
    assert Played(tokens(count), accept=accept).told == told


def test_each_criterion_holds_only_as_long_as_it_needs() -> None:
    """A least length is known when it is reached, a greatest one is broken when it is passed."""
    assert [frame.data for frame in Played(tokens(4), accept={"min_tokens": 2}).frames if frame.data] == [
        b"xx", b"x", b"x",
    ]  # fmt: skip
    assert Played([*tokens(4), Hang()], accept={"max_tokens": 3}).text == "m"


def test_a_refusal_is_noticed_in_its_opening_words() -> None:
    """The larger model is asked as soon as the refusal is read."""
    words = [token(text=text) for text in ("I'm", " sorry,", " but I can't", " help with that.")]
    played = Played([b"", *words, Hang()], accept={"refusal": False})
    assert played.told == "distilled rejected a refusal; moe"


def test_no_refusal_in_the_opening_streams_on() -> None:
    """Refusals open an answer, so a long one need not be held to its end."""
    acts = [b"", *(token(text="word " * 10) for _ in range(6))]
    assert [len(frame.text) for frame in Played(acts, accept={"refusal": False}).frames if frame.data] == [200, 50, 50]


SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
FORMAT = {"response_format": {"type": "json_schema", "json_schema": {"name": "p", "schema": SCHEMA}}}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('{"age": 3}', "distilled accepted meets the schema"),
        ('{"age": "3"}', "distilled rejected breaks the schema's type; moe"),
        ("{}", "distilled rejected breaks the schema's required; moe"),
        ("Sure! {", "distilled rejected not JSON; moe"),
    ],
)
def test_schema(said: str, told: str) -> None:
    """The request's own schema is what counts."""
    played = Played([b"", token(text=said)], accept={"schema": True}, request=chat(stream=True, **FORMAT))
    assert played.told == told


def test_without_a_schema_nothing_is_held_for_one() -> None:
    """Most requests ask for no format."""
    assert Played([*tokens(1)], accept={"schema": True}).told == "distilled accepted"


JUDGE = {"judge": {"by": "dense", "at_least": 0.7, "wait": "5s"}}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("8", "distilled accepted judge dense 0.80 >= 0.7"),
        ("Score: 3/10", "distilled rejected judge dense 0.30 < 0.7; moe"),
        ("It is lovely.", "distilled rejected judge dense gave no score; moe"),
    ],
)
def test_a_judge_scores_the_whole_answer(said: str, told: str) -> None:
    """The judge sees question and answer, in a call of its own, and its tokens are nobody's."""
    played = Played(tokens(3), accept=JUDGE, dense=[token(text=said)], request=chat("Why?", stream=True))
    assert played.told == told
    request, asked = played.transport.seen[1]
    assert "Why?" in request.body["messages"][-1]["content"]
    assert "xxx" in request.body["messages"][-1]["content"]
    assert asked.call_id == "r1.auto.judge"
    assert ("auto", 1) in played.hidden


def test_a_judge_is_not_asked_about_what_has_failed_already() -> None:
    """The cheap criteria come first."""
    assert "open dense" not in Played(tokens(4, -2), accept={**SURE, **JUDGE}).transport.log


def test_tool_calls_are_accepted_without_the_judges_opinion() -> None:
    """A judge reads text, and would take them for an empty answer."""
    call = Frame(data=b"{call}", tokens=5, finish_reason="tool_calls")
    played = Played([b"", call], accept={"min_tokens": 2, **JUDGE}, dense=[token(text="0")])
    assert played.told == "distilled accepted calls tools, which no judge reads"
    assert "open dense" not in played.transport.log
    assert Played([b"", call], accept={"min_tokens": 9, **JUDGE}).text == "m"


@pytest.mark.parametrize("trouble", [Overloaded("full"), EngineFailed("died"), Hang()])
@pytest.mark.parametrize(("unsure", "answered"), [("escalate", "m"), ("accept", "xxx")])
def test_a_judge_that_fails_or_is_late(trouble: Act, unsure: str, answered: str) -> None:
    """What follows is the config's to say; the request goes on in either case."""
    accept = {"judge": {**JUDGE["judge"], "unsure": unsure}}
    played = Played(tokens(3), accept=accept, dense=[trouble])
    assert played.text == answered
    assert "judge dense failed" in played.told


@pytest.mark.parametrize(
    "error",
    [Overloaded("full"), NoReplica("none"), EngineFailed("died"), FirstTokenTimeout("late"), ContextTooLong("long")],
)
def test_errors_of_a_stage_escalate(error: ServingError) -> None:
    """A stage that cannot answer is left like one whose answer is not good enough."""
    played = Played([error])
    assert played.told == f"distilled failed {error.code}; moe"
    assert played.head.path == ("auto", f"distilled!{error.code}", "moe")


def test_an_error_while_held_escalates_and_its_tokens_are_counted_as_hidden() -> None:
    """Nobody has seen them."""
    played = Played([*tokens(3), EngineFailed("died")])
    assert (played.text, played.hidden) == ("m", [("auto", 3)])


def test_an_error_after_the_window_passes_through() -> None:
    """What was judged good is with the client; there is no way back."""
    with pytest.raises(EngineFailed, match=r"^died$"):
        Played([*tokens(4), EngineFailed("died")])


def test_what_is_wrong_everywhere_does_not_escalate() -> None:
    """A bad request is answered at once."""
    with pytest.raises(Invalid, match=r"^bad$"):
        Played([Invalid("bad")])


def test_an_end_without_data_escalates() -> None:
    """Silence is not good enough."""
    assert Played([b""]).told == "distilled failed engine_failed; moe"


def test_the_last_error_tells_of_every_stage() -> None:
    """Why the small model's answer was not given stands beside why the large one has none."""
    with pytest.raises(Overloaded) as caught:
        Played(tokens(4, -2), [Overloaded("full", retry_after_s=3)])
    assert "distilled!declined: mean_logprob -2.00 < -0.8 after 4 tokens" in caught.value.message
    assert caught.value.retry_after_s == 3


def test_the_requests_own_deadline_ends_it() -> None:
    """No further stage is asked when the time is over; both are closed."""
    with pytest.raises(DeadlineExceeded):
        Played([b"", token(), Hang()], bounded_s=3.0)


def test_a_client_that_leaves_while_held_closes_the_stage() -> None:
    """Its tokens are hidden, and nobody else is asked."""
    transport = Scripted({"distilled": [*tokens(2), Hang()], "moe": [b"m"]})
    hidden: list[tuple[str, int]] = []
    graph = {"auto": {"cascade": [{"to": "distilled", "accept": SURE}, {"to": "moe"}]}}
    node = compiled(graph, transport, hidden=lambda *spent: hidden.append(spent))["auto"]

    async def run() -> None:
        task = asyncio.create_task(collect(node, chat(stream=True)))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])

    leap(run())
    assert transport.log == ["open distilled", "close distilled"]
    assert hidden == [("auto", 2)]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (chat(stream=True, n=2), "asks for several answers"),
        (Request(endpoint="completion", model="", body={"prompt": ["a", "b"]}), "asks for several answers"),
        (Request(endpoint="embeddings", model="", body={"input": "a"}), "asks for no text"),
        (Request(endpoint="count_tokens", model="", body={"messages": []}), "asks for no text"),
        (Request(endpoint="responses", model="", body={"input": "a", "background": True}), "is answered later"),
    ],
)
def test_what_cannot_be_judged_passes_and_says_so(request_: Request, reason: str) -> None:
    """The first stage answers, unheld."""
    played = Played(tokens(3, -5), request=request_)
    assert played.text == "xxx"
    assert played.told == f"distilled not judged: the request {reason}"
    assert "held" not in played.head.notes


def test_one_prompt_of_token_ids_is_one_answer() -> None:
    """A list of numbers is no list of prompts."""
    request = Request(endpoint="completion", model="", body={"prompt": [1, 2, 3]}, stream=True)
    assert Played(tokens(4, -5), request=request).text == "m"


def test_later_stages_are_calls_of_their_own() -> None:
    """An engine must not take the second call for the first, whose end it may not have heard of yet."""
    seen: list[Context] = [asked for _, asked in Played(tokens(4, -2)).transport.seen]
    assert [one.call_id for one in seen] == ["r1", "r1.auto.1"]


def test_a_cascade_within_a_cascade_tells_of_both() -> None:
    """Inner notes follow outer ones."""
    transport = Scripted({"distilled": tokens(4, -2), "dense": tokens(4, -2), "moe": [b"m"]})
    graph = {
        "auto": {"cascade": [{"to": "distilled", "accept": SURE}, {"to": "rest"}]},
        "rest": {"cascade": [{"to": "dense", "accept": SURE}, {"to": "moe"}]},
    }
    frames = leap(collect(compiled(graph, transport)["auto"], chat(stream=True)))
    assert frames[-1].head is not None
    assert frames[-1].head.path == ("auto", "distilled!declined", "rest", "dense!declined", "moe")
    why = "rejected mean_logprob -2.00 < -0.8 after 4 tokens"
    assert frames[-1].head.notes["cascade"] == f"distilled {why}; rest > dense {why}; moe"


def test_declined_is_never_what_a_client_gets() -> None:
    """The last stage is not judged."""
    with pytest.raises(EngineFailed):
        Played(tokens(4, -2), [EngineFailed("died")])
    assert Declined.code == "declined"


@pytest.mark.parametrize("endpoint", ["messages", "responses"])
@pytest.mark.parametrize("field", ["n", "prompt"])
@pytest.mark.parametrize("value", ["x", [], {}, 5, ["a", "b"]])
def test_fields_of_other_endpoints_mean_nothing(endpoint: Any, field: str, value: Any) -> None:
    """Where ``n`` and ``prompt`` are not looked at when a body is checked they may hold anything."""
    assert unjudgeable(Request(endpoint=endpoint, model="auto", body={field: value})) is None


def test_a_request_for_several_answers_is_not_judged() -> None:
    """By their number, or by the prompts of a completion."""
    for endpoint, body in (("chat", {"n": 2}), ("completion", {"prompt": ["a", "b"]})):
        assert unjudgeable(Request(endpoint=endpoint, model="auto", body=body)) == "asks for several answers"  # type: ignore[arg-type]
    assert unjudgeable(Request(endpoint="responses", model="auto", body={"background": True})) == "is answered later"
