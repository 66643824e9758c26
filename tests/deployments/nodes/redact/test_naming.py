"""redact with names: a pool is asked which there are, and what it tells is taken out where it stands, or nothing is."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deployments.errors import (
    BodyTooLarge,
    BudgetExhausted,
    ContentRefused,
    Declined,
    Invalid,
    NoReplica,
    ServingError,
    StaysLocal,
)
from deployments.gateway.schemas import objection
from deployments.graph.composition import Composition
from deployments.graph.explain import explain
from deployments.graph.meters import Unmetered
from deployments.graph.rewriting.events import content_of, events_of
from deployments.graph.spec import parse, parse_graph
from deployments.request import Answer, Frame, Request
from deployments.standing import Standing
from tests.deployments.leap import leap
from tests.deployments.nodes.redact.test_redact import MAIL, answer, said, whole
from tests.deployments.pii.samples import pieces
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context

CUTS = st.lists(st.integers(0, 300), max_size=12)


def told(*names: str) -> list[Act]:
    """Return what a model says that finds *names*."""
    return [json.dumps({"names": names}, ensure_ascii=False).encode()]


def asked(
    request: Request,
    names: Sequence[Act],
    frames: Sequence[Act] = (Frame(data=b"{}"),),
    *,
    more: Any = None,
    **spec: Any,
) -> tuple[Any, list[Frame], Scripted]:
    """Return the body that the model gets, what the caller does, and the pools; ``moe`` is asked for the names."""
    pools = Scripted({"dense": list(frames), "moe": list(names)})
    asks = {"model": "moe", "within": "2s", **(more or {})}
    node = compiled({"r": {"redact": "dense", "names": asks, **spec}}, pools)["r"]
    out = leap(collect(node, request))
    return pools.seen[-1][0].body, out, pools


def prompt(body: Any) -> Any:
    return body["messages"][0]["content"]


def test_names_become_placeholders_beside_the_rest_and_come_back() -> None:
    """All of their places, and nothing that the model has only made up."""
    request = chat(f"Ask Anna Berg ({MAIL}) or Bo; Anna Berg knows Bob.")
    body, out, _ = asked(request, told("Anna Berg", "Bo", "Carl"), [whole("<NAME_2> and <NAME_1>, not <NAME_3>")])
    assert prompt(body) == "Ask <NAME_1> (<EMAIL_1>) or <NAME_2>; <NAME_1> knows Bob."
    assert said(out) == "Bo and Anna Berg, not <NAME_3>"
    assert out[0].head is not None
    assert out[0].head.notes["redacted"] == "EMAIL=1, NAME=2"


def test_chinese_names_stand_without_spaces() -> None:
    """The longer of two that begin together counts."""
    body, out, _ = asked(
        chat("请联系王小明和王小，王小明的电话是13800138000。"), told("王小", "王小明"), [whole("好的，<NAME_1>")]
    )
    assert prompt(body) == "请联系<NAME_1>和<NAME_2>，<NAME_1>的电话是<PHONE_1>。"
    assert said(out) == "好的，王小明"


def test_a_name_never_overlaps_what_is_found_without_a_model() -> None:
    """What has a form of its own is that, the rest is looked for around it."""
    body, _, _ = asked(chat(f"{MAIL} bob, call bob 13800138000"), told("bob", "bob 13800138000"))
    assert prompt(body) == "<EMAIL_1> <NAME_1>, call <NAME_1> <PHONE_1>"


def test_a_name_is_taken_out_of_every_text() -> None:
    """Of tools' arguments too, where it may be written in escapes, in halves even."""
    arguments = json.dumps({"to": "张伟", "cc": "𠮷田茂", "note": 'say "hi" to 张伟'})
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    messages = [{"role": "user", "content": "找张伟"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    request = Request(
        endpoint="chat", model="", body={"messages": messages, "user": "𠮷田茂", "metadata": {"who": "张伟"}}
    )
    body, _, pools = asked(request, told("张伟", "𠮷田茂"))
    sent = json.loads(body["messages"][1]["tool_calls"][0]["function"]["arguments"])
    assert sent == {"to": "<NAME_1>", "cc": "<NAME_2>", "note": 'say "hi" to <NAME_1>'}
    assert (prompt(body), body["user"], body["metadata"]["who"]) == ("找<NAME_1>", "<NAME_2>", "<NAME_1>")
    assert "𠮷田茂" in prompt(pools.seen[0][0].body)


@settings(max_examples=30, deadline=None)
@given(cuts=CUTS)
def test_names_come_back_however_the_answer_is_cut(cuts: list[int]) -> None:
    """In words, and as JSON in the arguments of tools."""
    request = chat("Tell José O'Hara and 李雷.", stream=True)
    names = told("José O'Hara", "李雷")
    _, out, _ = asked(request, names, answer("chat", pieces("To <NAME_1>, <NAME_2>: hi <NAME_9>", cuts)))
    assert said(out) == "To José O'Hara, 李雷: hi <NAME_9>"

    def call(part: str) -> Frame:
        delta = {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
        data = json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        return Frame(data=b"data: " + data.encode() + b"\n\n")

    _, out, _ = asked(
        request, names, [call(part) for part in pieces('{"to": "<NAME_2>", "cc": "\\u003cNAME_1>"}', cuts)]
    )
    values = [json.loads(content_of(event)) for frame in out for event in events_of(frame.data)]
    restored = "".join(one["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] for one in values)
    assert json.loads(restored) == {"to": "李雷", "cc": "José O'Hara"}


def test_the_question_is_a_structured_one_of_its_own() -> None:
    """With a schema that this gateway itself would let through, and without what the client asked for."""
    _, _, pools = asked(chat("Ask Anna.", temperature=1.5, max_tokens=3), told("Anna"))
    question, given_ = pools.seen[0]
    assert question.body["response_format"]["type"] == "json_schema"
    assert objection(question.body["response_format"]["json_schema"]["schema"]) is None
    assert (question.body["temperature"], question.endpoint) == (0.0, "chat")
    assert "Ask Anna." in prompt(question.body)
    assert given_.call_id != pools.seen[1][1].call_id
    assert given_.deadline_s == pytest.approx(2.0)


class Charged:
    """An account that notes which models it is charged for."""

    key, headers = "", {}  # type: ignore[var-annotated]

    def __init__(self) -> None:
        self.models: list[str] = []

    async def end(self) -> None:
        """Do nothing."""

    async def over(self, model: str, request: Request, answer: Answer, *, blind: bool) -> AsyncGenerator[Frame]:
        """Note the model, and pass its answer on."""
        self.models.append(model)
        return answer(request)


def test_the_call_is_charged_and_its_tokens_are_told() -> None:
    """To whoever asked, as those of an answer that no client sees."""
    account, hidden = Charged(), list[tuple[str, int]]()
    pools = Scripted({"dense": [whole("hi")], "moe": told("Anna")})
    spec = {"redact": "dense", "names": {"model": "moe"}}
    node = compiled({"r": spec}, pools, hidden=lambda name, tokens: hidden.append((name, tokens)))["r"]
    leap(collect(node, chat("Ask Anna."), context(account=account)))
    assert account.models == ["moe", "dense"]
    assert hidden == [("r", 1)]


def test_the_texts_stay_here_whoever_asks() -> None:
    """The rest of the tenant's standing holds for the call, and its own request goes where it may."""
    standing = Standing(account="shop", weight=2.0, prefixes="tenant shop")
    pools = Scripted({"dense": [whole("hi")], "moe": told("Anna")})
    node = compiled({"r": {"redact": "dense", "names": {"model": "moe"}}}, pools)["r"]
    leap(collect(node, chat("Ask Anna."), context(standing=standing)))
    [(_, asks), (_, answers)] = pools.seen
    assert asks.standing == Standing(account="shop", weight=2.0, prefixes="tenant shop", stays_local=True)
    assert answers.standing == standing


NOTHING: dict[str, list[Act]] = {
    "no replica": [NoReplica("gone")],
    "nothing": [],
    "words": [b"Anna, I think"],
    "another list": [b'["Anna"]'],
    "a list that was cut off": [b'{"names": ["Anna"'],
    "too late": [Pause(3.0), *told("Anna")],
    "silence": [Hang()],
    "more than a list has": told(*(f"Anna {'x' * at}" for at in range(64))),
}


class Counted(Unmetered):
    """Meters that remember what was found and done."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def screened(self, node: str, found: str, action: str) -> None:
        """Remember one."""
        self.seen.append((found, action))


@pytest.mark.parametrize("names", NOTHING.values(), ids=NOTHING)
def test_without_an_answer_of_use_the_request_is_refused_or_passes(names: list[Act]) -> None:
    """As configured; the rest is masked all the same, and it is told."""
    with pytest.raises(Declined, match="moe did not tell"):
        asked(chat(f"Anna {MAIL}"), names)
    pools, meters = Scripted({"dense": [whole("<EMAIL_1>")], "moe": names}), Counted()
    spec = {"redact": "dense", "names": {"model": "moe", "within": "2s", "otherwise": "pass"}}
    out = leap(collect(compiled({"r": spec}, pools, meters=meters)["r"], chat(f"Anna {MAIL}")))
    assert prompt(pools.seen[-1][0].body) == "Anna <EMAIL_1>"
    assert said(out) == MAIL
    assert meters.seen == [("no names", "pass"), ("EMAIL", "mask")]
    assert out[0].head is not None
    assert out[0].head.notes["redacted"] == "EMAIL=1, NAME=?"
    assert pools.log[:2] == ["open moe", "close moe"]


@pytest.mark.parametrize("error", [StaysLocal("no"), BudgetExhausted("empty")])
def test_what_is_the_callers_own_is_told_as_such(error: ServingError) -> None:
    """Waiting for the model would not help; where names may pass it is no obstacle."""
    with pytest.raises(type(error)):
        asked(chat("Anna"), [error])
    body, _, _ = asked(chat("Anna"), [error], more={"otherwise": "pass"})
    assert prompt(body) == "Anna"


def test_a_long_text_is_read_in_pieces_that_cut_no_name() -> None:
    """A few at a time, all within one time; a name at any place is whole in one of them."""
    text = " ".join(f"w{at}" for at in range(120)) + " Anna Berg " + "x " * 200
    pools = Scripted({"dense": [whole("<NAME_1>")], "moe": [Pause(0.1), *told("Anna Berg")]})
    spec = {"redact": "dense", "names": {"model": "moe", "piece": 200}}
    out = leap(collect(compiled({"r": spec}, pools)["r"], chat(text)))
    assert said(out) == "Anna Berg"
    *asks, last = pools.seen
    assert len(asks) == len({given_.call_id for _, given_ in asks}) == 7
    assert prompt(last[0].body) == text.replace("Anna Berg", "<NAME_1>")
    began = [pools.log[:at] for at in range(len(pools.log))]
    assert max(log.count("open moe") - log.count("close moe") for log in began) == 4


def test_one_piece_without_an_answer_is_enough_to_be_unsure() -> None:
    """The others are ended."""
    with pytest.raises(Declined):
        asked(chat("Anna " * 200), [NoReplica("gone")], more={"piece": 200})


def test_more_text_than_is_read_is_refused_as_such() -> None:
    """To try again would not help."""
    with pytest.raises(BodyTooLarge, match="20 for names"):
        asked(chat("Anna " * 5), told(), more={"longest": 20})
    body, _, pools = asked(chat("Anna " * 5), told(), more={"longest": 20, "otherwise": "pass"})
    assert prompt(body) == "Anna " * 5
    assert pools.log == ["open dense", "close dense"]


def test_block_and_flag_count_names_too() -> None:
    """One refuses with the field, the other changes nothing."""
    with pytest.raises(ContentRefused, match="NAME") as caught:
        asked(chat("Ask Anna."), told("Anna"), action="block")
    assert caught.value.param == "messages"
    body, out, _ = asked(chat("Ask Anna."), told("Anna"), [whole("ok")], action="flag")
    assert prompt(body) == "Ask Anna."
    assert out[0].head is not None
    assert out[0].head.notes["redacted"] == "NAME=1"


def test_nobody_is_asked_about_what_cannot_be_read() -> None:
    """Token ids, and what is nested too deep, are refused as they are without names."""
    _, _, pools = asked(chat("1 + 1 = ?", user=""), told())
    assert pools.log[0] == "open dense"
    with pytest.raises(Invalid, match="token ids"):
        asked(Request(endpoint="completion", model="", body={"prompt": [1, 2]}), told())
    deep: Any = "Anna"
    for _ in range(200):
        deep = [deep]
    with pytest.raises(Invalid, match="nested deeper"):
        asked(chat("x", metadata=deep), told())


def test_what_is_behind_sees_placeholders() -> None:
    """Two people get one answer from a cache, each with the own name in it."""
    pools = Scripted({"dense": [whole("Hi <NAME_1>!")], "moe": told("Anna", "Bert")})
    graph = {"r": {"redact": "c", "names": {"model": "moe"}}, "c": {"cache": "dense", "any": True}}
    nodes = compiled(graph, pools)

    async def both() -> list[str]:
        return [said(await collect(nodes["r"], chat(f"Greet {name}."))) for name in ("Anna", "Bert")]

    assert leap(both()) == ["Hi Anna!", "Hi Bert!"]
    assert pools.log.count("open dense") == 1


def test_who_is_asked_answers_no_client() -> None:
    """What the node gives is its target's, and the one asked needs words."""
    spec = parse({"redact": "dense", "names": {"model": "embed"}})
    assert spec.answering() == ["dense"]
    given_ = {"dense": frozenset({"chat", "text", "vectors"}), "embed": frozenset({"vectors"})}
    found = list(Composition(given_, {"r": spec}).shortfalls())  # type: ignore[arg-type]
    assert [(one.need.target, one.need.what) for one in found] == [("embed", "chat"), ("embed", "text")]


def test_explain_says_who_is_asked() -> None:
    """And asks nobody."""
    graph = parse_graph({"r": {"redact": "dense", "names": {"model": "moe"}}})
    assert "asks moe for people's names, to mask them" in str(
        explain(graph, "r", ["dense", "moe"], chat("x"), context())
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"names": {"model": "moe"}, "direction": "output"}, "in requests only"),
        ({"names": {"modle": "moe"}}, "did you mean model"),
        ({"names": {"model": "moe", "within": 0}}, "greater than 0"),
        ({"names": {"model": "moe", "otherwise": "ignore"}}, "pass"),
        ({"names": {"model": "moe", "piece": 64}}, "200"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: dict[str, Any], message: str) -> None:
    """When the config is loaded."""
    with pytest.raises(ValidationError, match=message):
        parse({"redact": "dense", **spec})
