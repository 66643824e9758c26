"""longform: a text beyond every pool's context is read in parts, within its budget, and the answer says from what."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import ValidationError

from deployments.errors import ContextTooLong, DeadlineExceeded, EngineFailed, Invalid, Overloaded, ServingError
from deployments.graph.explain import explain
from deployments.graph.node import Node
from deployments.graph.spec import dump, parse, parse_graph
from deployments.graph.tokens import estimate_tokens
from deployments.layers.deadline import deadline
from deployments.nodes.longform.split import split
from deployments.request import Context, Endpoint, Frame, Head, Request
from tests.deployments.extracting import Extracting
from tests.deployments.leap import leap
from tests.deployments.scripted import Scripted, compiled, context

SPEC: dict[str, Any] = {
    "longform": "dense",
    "summarise": "distilled",
    "part": 1000,
    "summary_ratio": 0.1,
    "budget": 4000,
    "answer": 400,
}
QUESTION = "Which numbers of keys are there?"
FACTS = [f"The key of chamber {name} has the number {at * 37 + 1000}." for at, name in enumerate("ABCDEFGHIJ")]
FILLER = "Nothing of note happened on this quiet afternoon by the river, where the boats lay still. "


def story(tokens: int, facts: list[str] = FACTS) -> str:
    """Return a text of about so many tokens, in which *facts* are told at equal distances."""
    each = 4 * tokens // len(facts) // len(FILLER)
    chapters = (
        f"## Chapter {name}\n\n{FILLER * each}{fact} {FILLER}\n\n"
        for name, fact in zip("ABCDEFGHIJ", facts, strict=False)
    )
    return "".join(chapters)


def asked(text: str, *, stream: bool = False, **more: Any) -> Request:
    """Return a chat with a long text and a question after it."""
    messages = [{"role": "user", "content": text}, {"role": "user", "content": QUESTION}]
    return Request(endpoint="chat", model="", body={"messages": messages, "stream": stream, **more}, stream=stream)


def node(pools: Extracting, **changed: Any) -> Node:
    return compiled({"long": {**SPEC, **changed}}, pools)["long"]  # type: ignore[arg-type]


async def told(frames: AsyncIterator[Frame]) -> list[Frame]:
    return [frame async for frame in frames]


def answered(pools: Extracting, request: Request, **changed: Any) -> list[Frame]:
    return leap(told(node(pools, **changed)(request, context())))


def comments(frames: list[Frame]) -> list[dict[str, Any]]:
    return [
        json.loads(frame.data.removeprefix(b": tercet "))["longform"]
        for frame in frames
        if frame.data.startswith(b": tercet ")
    ]


def test_a_short_text_goes_through_untouched() -> None:
    """Up to the threshold the target gets the request as it came, and its bytes are the answer."""
    pools, request = Extracting(), asked("The number is 7. " + FILLER, max_tokens=50)
    frames = answered(pools, request)
    ((pool, seen, ctx),) = pools.asked
    assert pool == "dense"
    assert {**seen.body, "model": None} == {**request.body, "model": None}
    assert ctx.path == ("long", "dense")
    assert "The number is 7." in frames[-1].text
    assert frames[0].head is not None
    assert not frames[0].head.notes


def test_every_planted_fact_of_a_hundred_thousand_tokens_is_recalled() -> None:
    """Pools that read 1,500 tokens at once answer from 100,000, since each part's facts survive every level."""
    source = story(100_000)
    assert estimate_tokens(source) > 95_000
    pools = Extracting(context=1500)
    frames = answered(pools, asked(source, max_tokens=400), budget=20_000)
    assert all(fact in frames[-1].text for fact in FACTS)
    body = json.loads(b"".join(frame.data for frame in frames))
    assert body["choices"][0]["message"]["content"] == frames[-1].text
    assert body["tercet"]["longform"]["left_out"] == []


def test_spans_resolve_to_the_source() -> None:
    """Every note names bytes of the source, in which the facts of its summary stand, down to the parts."""
    source = "Ä" + story(8000)
    frames = answered(Extracting(context=1500), asked(source))
    told_of = json.loads(frames[-1].data)["tercet"]["longform"]
    leaves = list(_leaves(told_of["notes"]))
    data, at = source.encode(), 0
    for leaf in leaves:
        start, end = leaf["span"]
        assert start == at
        at = end
        text = data[start:end].decode()
        assert [fact for fact in FACTS if fact in leaf["summary"]] == [fact for fact in FACTS if fact in text]
    assert at == len(data)
    assert len(leaves) == told_of["parts"] > 5


def _leaves(notes: list[dict[str, Any]]) -> Any:
    for note in notes:
        yield from _leaves(note["of"]) if "of" in note else [note]


@pytest.mark.parametrize(("tokens", "budget"), [(5000, 4000), (40_000, 4000), (40_000, 20_000)])
def test_the_budget_is_held(tokens: int, budget: int) -> None:
    """All that is granted to all calls, summaries and answer, is within the budget; so is all that is generated."""
    pools = Extracting(context=2000)
    frames = answered(pools, asked(story(tokens)), budget=budget)
    assert pools.generated <= sum(pools.granted) <= budget
    told_of = json.loads(frames[-1].data)["tercet"]["longform"]
    assert told_of["spent"] == pools.generated - frames[-1].tokens
    assert told_of["budget"] == budget


def granted(request: Request) -> int:
    """Return how many tokens a chat may take."""
    tokens: int = request.body.get("max_tokens") or request.body["max_completion_tokens"]
    return tokens


class Wordy(Scripted):
    """Pools that say as much as they may; ``dense`` refuses each time, ``generated`` is what all of them said."""

    generated = 0

    async def stream(self, pool: str, request: Request, context: Context) -> AsyncGenerator[Frame]:
        """Say as many tokens as are granted."""
        self.seen.append((request, context))
        tokens = granted(request)
        self.generated += tokens
        text = "I cannot help with that" if pool == "dense" else "sum"
        yield Frame(data=b"{}", text=text, tokens=tokens, head=Head(model=pool, path=context.path))


TWICE: dict[str, dict[str, Any]] = {
    "cascade": {"cascade": [{"to": "dense", "accept": {"refusal": False}}, {"to": "moe"}]},
    "ensemble": {"ensemble": ["dense", "moe"], "choose": "vote"},
    "nested": {"record": "cascade"},
}


@pytest.mark.parametrize("helper", ["moe", *TWICE])
@pytest.mark.parametrize("budget", [600, 900, 2000])
def test_what_helpers_generate_unseen_is_the_budgets(helper: str, budget: int) -> None:
    """Parts are left out for what answers nobody sees have taken; only the call under way may exceed the budget."""
    pools = Wordy({})
    spec = {"longform": "moe", "summarise": helper, "part": 400, "summary_ratio": 0.2, "parallel": 1}
    graph = {**TWICE, "long": {**spec, "budget": budget, "answer": 50}}
    frames = leap(told(compiled(graph, pools)["long"](asked(FILLER * 100, max_tokens=50), context())))
    told_of = json.loads(frames[-1].data)["tercet"]["longform"]
    assert pools.generated <= budget + 80
    assert told_of["spent"] == pools.generated - frames[-1].tokens
    spared = [lost["reason"] for lost in told_of["left_out"]]
    assert set(spared) <= {"over_budget"}
    assert bool(spared) == (helper != "moe" and budget < 2000)


def test_what_the_last_calls_took_unseen_shortens_the_answer() -> None:
    """There is nothing else left to do without; where that takes all of it, the text is refused."""
    spec = {"longform": "moe", "summarise": "cascade", "part": 400, "summary_ratio": 0.4, "above": 64, "answer": 100}

    def limit(budget: int) -> int:
        pools = Wordy({})
        nodes = compiled({**TWICE, "long": {**spec, "budget": budget}}, pools)
        leap(told(nodes["long"](asked(FILLER * 15), context())))
        assert pools.generated <= budget
        return granted(pools.seen[-1][0])

    assert limit(400) == 100
    assert 0 < limit(300) < 100
    with pytest.raises(ContextTooLong, match="took more than the budget of 250 tokens"):
        limit(250)


def test_a_longform_below_another_tells_what_it_took() -> None:
    """Each budget holds for all that is generated below it."""
    pools, heard = Wordy({}), list[int]()
    graph = {**TWICE, "long": {"longform": "moe", "summarise": "cascade", "part": 400, "summary_ratio": 0.2}}
    frames = leap(told(compiled(graph, pools)["long"](asked(FILLER * 100), context(unseen=heard.append))))
    assert sum(heard) == pools.generated - frames[-1].tokens


def test_a_text_beyond_the_budget_is_refused_before_any_work() -> None:
    """The client is told how long its text is, and what the budget is."""
    pools = Extracting()
    with pytest.raises(ContextTooLong, match=r"messages: about 30\d{4} tokens cannot be summarised .* 4000") as caught:
        answered(pools, asked(story(300_000)))
    assert caught.value.param == "messages"
    assert pools.asked == []


def test_a_text_beyond_the_budget_is_not_even_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its length is enough to refuse it by."""
    split_texts: list[int] = []
    monkeypatch.setattr("deployments.nodes.longform.work.split", lambda text, limit: split_texts.append(len(text)))
    with pytest.raises(ContextTooLong, match="cannot be summarised"):
        answered(Extracting(), asked("a\n\n" * 700_000))
    assert split_texts == []


async def _longest_silence(text: str) -> float:
    """Return the longest time for which the loop did nothing else while the text was laid out."""
    longest_s, at_s = 0.0, time.perf_counter()
    task = asyncio.create_task(told(node(Extracting(), budget=100_000)(asked(text), context())))
    while not task.done():
        await asyncio.sleep(0.005)
        longest_s, at_s = max(longest_s, time.perf_counter() - at_s), time.perf_counter()
        if longest_s > 1 or asyncio.all_tasks() - {task, asyncio.current_task()}:
            break  # the first summaries are asked for
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return longest_s


async def test_splitting_leaves_the_loop_to_others() -> None:
    """A text made of the shortest paragraphs takes long to split, and others are served meanwhile."""
    text, before_s = "a\n\n" * 300_000, time.perf_counter()
    split(text, SPEC["part"])
    took_s = time.perf_counter() - before_s
    assert await _longest_silence(text) < took_s / 2


def test_only_one_text_is_condensed() -> None:
    """What stands beside the longest text must be short."""
    request = asked(story(5000))
    body = {"messages": [*request.body["messages"], {"role": "user", "content": FILLER * 100}]}
    with pytest.raises(ContextTooLong, match="only one text is condensed"):
        answered(Extracting(), Request(endpoint="chat", model="", body=body))


def test_the_rest_of_the_request_stays_as_it_is() -> None:
    """The target gets the client's own request with notes for the text, and at most what is left of the budget."""
    pools = Extracting()
    answered(pools, asked(story(5000), temperature=0.3, seed=7, max_tokens=9000))
    pool, last, ctx = pools.asked[-1]
    assert (pool, ctx.path, ctx.branch) == ("dense", ("long", "dense"), "")
    assert (last.body["temperature"], last.body["seed"], last.body["max_tokens"]) == (0.3, 7, SPEC["answer"])
    assert last.body["messages"][1] == {"role": "user", "content": QUESTION}
    assert "[1] " in last.body["messages"][0]["content"]
    assert all(QUESTION in str(seen.body["messages"]) for pool, seen, _ in pools.asked if pool == "distilled")
    ids = [seen.call_id for _, _, seen in pools.asked]
    assert len(set(ids)) == len(ids)


BODIES: list[tuple[Endpoint, Callable[[str], dict[str, Any]]]] = [
    ("chat", lambda text: {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
    ("completion", lambda text: {"prompt": text, "max_tokens": 300}),
    ("messages", lambda text: {"messages": [{"role": "user", "content": text}], "max_tokens": 300}),
    ("responses", lambda text: {"input": text, "instructions": QUESTION}),
    ("responses", lambda text: {"input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]}),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("endpoint", "body"), BODIES)
def test_answers_every_endpoint(endpoint: Endpoint, body: Callable[[str], dict[str, Any]], stream: bool) -> None:
    """Wherever the text stands, the answer has the endpoint's own form and holds the facts."""
    request = Request(endpoint=endpoint, model="", body={**body(story(5000)), "stream": stream}, stream=stream)
    frames = answered(Extracting(), request)
    assert FACTS[0] in "".join(frame.text for frame in frames)
    assert frames[-1].finish_reason == "stop"
    if not stream:
        assert json.loads(frames[-1].data)["tercet"]["longform"]["parts"] > 4


def test_progress_is_streamed_as_comments_and_the_answer_after_it() -> None:
    """Each summary is told with its span as soon as it exists; clients that skip comments see the answer alone."""
    source = story(5000)
    frames = answered(Extracting(), asked(source, stream=True))
    seen = comments(frames)
    *steps, last = seen
    assert {step["level"] for step in steps} == {1}
    assert [step["done"] for step in steps] == list(range(1, len(steps) + 1))
    assert {step["parts"] for step in steps} == {len(steps)}
    assert min(step["span"] for step in steps)[0] == 0
    assert max(step["span"][1] for step in steps) == len(source.encode())
    assert [span[0] for span in last["spans"]] == sorted(span[0] for span in last["spans"])
    assert b"".join(frame.data for frame in frames).endswith(b"data: [DONE]\n\n")
    assert frames[0].head is not None
    assert frames[0].head.notes["longform"].startswith(f"parts={len(steps)} levels=1 ")
    assert FACTS[3] in "".join(frame.text for frame in frames)


def test_a_slow_part_does_not_leave_the_connection_silent() -> None:
    """While nothing is finished, the state is told again."""
    frames = answered(Extracting(pause_s=25), asked(story(3000), stream=True))
    assert [step["done"] for step in comments(frames)[:2]] == [0, 0]


def test_a_slow_draft_does_not_either() -> None:
    """Nor while the answer is drafted."""
    frames = answered(Extracting(pause_s=25), asked(story(3000), stream=True), polish="moe")
    assert [step for step in comments(frames) if "drafting" in step] == [{"drafting": "dense"}] * 2


def test_parts_are_read_at_once_but_not_too_many() -> None:
    """No more calls run than configured."""
    pools = Extracting(pause_s=1)
    answered(pools, asked(story(9000)), parallel=3)
    assert pools.most_running == 3


def test_a_part_that_fails_once_is_asked_again() -> None:
    """One broken call costs its tokens and nothing else."""
    left = [EngineFailed("died")]
    pools = Extracting(fails=lambda pool, prompt: left.pop() if FACTS[2] in prompt and left else None)
    frames = answered(pools, asked(story(9000)))
    assert all(fact in frames[-1].text for fact in FACTS)


def _refusing(fact: str, error: ServingError) -> Extracting:
    return Extracting(fails=lambda pool, prompt: error if pool == "distilled" and fact in prompt else None)


@pytest.mark.parametrize("error", [EngineFailed("died"), Overloaded("full", retry_after_s=2)])
def test_a_part_that_fails_twice_is_left_out_and_disclosed(error: ServingError) -> None:
    """The answer says which bytes it does not know, in the body and in a header; the rest is there."""
    source = story(9000)
    frames = answered(_refusing(FACTS[4], error), asked(source))
    assert [fact in frames[-1].text for fact in FACTS] == [fact != FACTS[4] for fact in FACTS]
    (lost,) = json.loads(frames[-1].data)["tercet"]["longform"]["left_out"]
    assert lost["reason"] == error.code
    assert FACTS[4] in source.encode()[slice(*lost["span"])].decode()
    assert frames[0].head is not None
    assert frames[0].head.notes["longform"].endswith("left_out=1")


def test_a_retry_beyond_the_budget_is_not_made() -> None:
    """A call that broke may have taken all it was granted, so it is made again only from what others did not need."""
    pools = _refusing("river", EngineFailed("died"))
    with pytest.raises(EngineFailed, match="none of"):
        answered(pools, asked(story(40_000)))
    calls = [seen.body["max_tokens"] for pool, seen, _ in pools.asked]
    assert sum(calls) + SPEC["answer"] <= SPEC["budget"]


def test_all_parts_may_be_required() -> None:
    """Then the first that cannot be read fails the request."""
    with pytest.raises(EngineFailed, match="died"):
        answered(_refusing(FACTS[4], EngineFailed("died")), asked(story(9000)), require_all=True)


def test_a_wrong_request_is_not_tried_part_by_part() -> None:
    """A refusal that would be every part's is the answer."""
    pools = Extracting(fails=lambda pool, prompt: Invalid("temperature: is too high", param="temperature"))
    with pytest.raises(Invalid, match="temperature"):
        answered(pools, asked(story(9000)), parallel=2)
    assert len(pools.asked) == 2


def test_a_part_that_is_longer_than_estimated_is_read_in_pieces() -> None:
    """A pool that takes less than a part gets smaller ones, of the same bytes and within the same tokens."""
    pools = Extracting(context=700)
    source = story(9000)
    frames = answered(pools, asked(source), answer=300)
    told_of = json.loads(frames[-1].data)["tercet"]["longform"]
    assert told_of["left_out"] == []
    assert sum(pools.granted) <= SPEC["budget"]


def test_a_second_model_polishes() -> None:
    """The draft is the target's, the answer the polisher's: it gets the draft for the text, and the question."""
    pools = Extracting()
    frames = answered(pools, asked(story(9000)), polish="moe")
    *_, (drafted, draft, _), (polished, final, ctx) = pools.asked
    assert (drafted, polished) == ("dense", "moe")
    assert "draft" in final.body["messages"][0]["content"]
    assert FACTS[1] in final.body["messages"][0]["content"]
    assert not draft.stream
    assert ctx.path == ("long", "moe")
    assert FACTS[1] in frames[-1].text
    assert sum(pools.granted) <= SPEC["budget"]


def test_chinese_is_asked_in_chinese() -> None:
    """The words around a Chinese text are Chinese."""
    source = "河边的下午很安静，什么也没有发生，船停在岸边。" * 120 + "钥匙的编号是4711。\n\n" + "河边很安静。" * 80
    pools = Extracting(context=2500)
    frames = answered(pools, asked(source))
    assert "概括" in pools.asked[0][1].body["messages"][0]["content"]
    assert "4711" in frames[-1].text


async def _abandoned(pools: Extracting, at: dict[str, Any]) -> None:
    request = asked(story(9000), stream=True)
    async with aclosing(node(pools, polish="moe")(request, context())) as frames:  # type: ignore[type-var]
        async for frame in frames:
            if any(at.items() <= step.items() for step in comments([frame])):
                break
        assert pools.running > 0
    assert pools.running == 0


@pytest.mark.parametrize("at", [{"done": 0}, {"drafting": "dense"}])
def test_a_client_that_leaves_ends_every_call(at: dict[str, Any]) -> None:
    """No call outlives its request, whether parts are summed up or the answer is drafted."""
    pools = Extracting(pause_s=25)
    leap(_abandoned(pools, at))
    assert (pools.asked[-1][0] == "dense") == ("drafting" in at)


async def _late(pools: Extracting) -> None:
    loop = asyncio.get_running_loop()
    bounded = deadline(loop.time)(node(pools))
    with pytest.raises(DeadlineExceeded):
        await told(bounded(asked(story(9000)), context(deadline_s=loop.time() + 3)))
    assert pools.running == 0


def test_the_deadline_holds() -> None:
    """Whatever is being read then is given up."""
    leap(_late(Extracting(pause_s=2)))


def test_hidden_tokens_are_counted() -> None:
    """What summaries and drafts took is told to the observer; the answer itself is the client's."""
    pools, hidden = Extracting(), []
    graph = {"long": {**SPEC, "polish": "moe"}}
    nodes = compiled(graph, pools, hidden=lambda name, tokens: hidden.append((name, tokens)))  # type: ignore[arg-type]
    frames = leap(told(nodes["long"](asked(story(5000)), context())))
    assert {name for name, _ in hidden} == {"long"}
    assert sum(tokens for _, tokens in hidden) + frames[-1].tokens == pools.generated


def explained(request: Request, **changed: Any) -> tuple[str, ...]:
    graph = parse_graph({"long": {**SPEC, **changed}})
    return explain(graph, "long", ["dense", "distilled", "moe"], request, context()).step.why


def test_explains_what_it_would_do() -> None:
    """The plan is told without an engine."""
    assert explained(asked("short")) == ("about 8 tokens, not above 1000: goes through",)
    reasons = " ".join(explained(asked(story(9000)), polish="moe"))
    assert "parts of at most 1000" in reasons
    assert "distilled writes" in reasons
    assert "moe polishes" in reasons
    assert explained(asked(story(300_000)))[0].startswith("refused: messages: about")


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no room for summaries": ({"budget": 400}, "budget\n  400 tokens leave nothing for summaries beside 400"),
    "summaries that say nothing": ({"part": 100}, "summary_ratio\n  lets a summary of 100 tokens have 10"),
    "a ratio that shortens nothing": ({"summary_ratio": 0.9}, "summary_ratio\n"),
    "an unknown option": ({"summary_ration": 0.1}, "is not a known key; did you mean summary_ratio?"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_refused_by_name(case: str) -> None:
    """Each message names the field and what would do."""
    changed, message = BAD[case]
    with pytest.raises(ValidationError) as caught:
        parse_graph({"long": {**SPEC, **changed}})
    assert message in str(caught.value)


def test_contexts_of_calls_share_the_request() -> None:
    """Every call belongs to the client's request and ends with it."""
    pools = Extracting()
    ctx = context(request_id="r9", deadline_s=77.0, tenant="acme")
    leap(told(node(pools)(asked(story(5000)), ctx)))
    seen: list[Context] = [one for _, _, one in pools.asked]
    assert {(one.request_id, one.deadline_s, one.tenant) for one in seen} == {("r9", 77.0, "acme")}


def test_a_spec_survives_being_written_down() -> None:
    """As the gateway is sent it; what it needs of whoever sums up is a chat."""
    spec = parse({**SPEC, "polish": "moe", "require_all": True})
    assert parse(dump(spec)) == spec
    assert [name for _, name in spec.targets()] == ["dense", "distilled", "moe"]
    assert spec.answering() == ["dense", "moe"]
    assert [(need.target, need.what) for need in spec.needs()] == [("distilled", "chat")]
