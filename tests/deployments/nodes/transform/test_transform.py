"""transform: prompts are put into a template, answers are changed as they stream, and all else stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace as replaced
from pydantic import ValidationError

from deployments.engines.readers import reader_of
from deployments.errors import EngineFailed, Invalid
from deployments.graph.disclosure import comment, comments_in, field_of, with_field
from deployments.graph.explain import explain
from deployments.graph.node import Node
from deployments.graph.spec import dump, parse, parse_graph
from deployments.request import Endpoint, Frame, Head, Request
from tests.deployments.gateway.building import client, engines, gateway
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Scripted, chat, collect, compiled, context


def node(pools: Scripted, **spec: Any) -> Node:
    return compiled({"t": {"transform": "dense", **spec}}, pools)["t"]


def seen(request: Request, **spec: Any) -> Any:
    """Return the body that the target gets."""
    pools = Scripted({"dense": [b"x"]})
    leap(collect(node(pools, **spec), request))
    return pools.seen[0][0].body


def streamed(*acts: Act, request: Request | None = None, **spec: Any) -> tuple[list[Frame], Scripted]:
    """Return the frames that come of a target's acts, and its log."""
    pools = Scripted({"dense": acts})
    return leap(collect(node(pools, **spec), request or chat(stream=True))), pools


def text_of(frames: list[Frame], endpoint: Endpoint = "chat") -> str:
    """Return the text as a client reads it."""
    events = [event + b"\n\n" for event in b"".join(frame.data for frame in frames).split(b"\n\n") if event]
    read = [reader_of(endpoint).event(event) for event in events if not event.startswith(b":")]
    return "".join(one.text for one in read)


LAST = Frame(data=b"[end]", text="!", tokens=1, prompt_tokens=9, finish_reason="stop")


def test_the_last_words_of_the_user_go_into_the_template() -> None:
    """With what is known of the request; everything else in the body stays."""
    request = chat("What is {now}?", temperature=0.5)
    body = seen(request, template="On {date} in {language}, for {tenant}: {prompt} Answer {briefly: 1}.")
    text = body["messages"][0]["content"]
    assert text == "On 2026-03-02 in en, for anonymous: What is {now}? Answer {briefly: 1}."
    assert body["temperature"] == 0.5


def user(text: str = "u") -> dict[str, Any]:
    return {"role": "user", "content": text}


def parts(*said: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": one} for one in said]


SYSTEM: list[tuple[Endpoint, dict[str, Any], str, Any]] = [
    ("chat", {"messages": [user()]}, "messages", [{"role": "system", "content": "S"}, user()]),
    ("chat", {"messages": [{"role": "system", "content": "s"}]}, "messages", [{"role": "system", "content": "S\n\ns"}]),
    (
        "chat",
        {"messages": [{"role": "developer", "content": parts("s")}]},
        "messages",
        [{"role": "developer", "content": parts("S", "s")}],
    ),
    ("messages", {"messages": [user()]}, "system", "S"),
    ("count_tokens", {"messages": [user()], "system": parts("s")}, "system", parts("S", "s")),
    ("responses", {"input": "u", "instructions": "s"}, "instructions", "S\n\ns"),
]


@pytest.mark.parametrize(("endpoint", "body", "field", "expected"), SYSTEM)
def test_the_system_message_stands_before_the_clients(
    endpoint: Endpoint, body: dict[str, Any], field: str, expected: Any
) -> None:
    """Wherever the endpoint keeps it; one that is there is added to."""
    assert seen(Request(endpoint=endpoint, model="", body=body), system="S")[field] == expected


def test_what_has_no_place_is_refused_by_name() -> None:
    """A completion has no system message, and token ids go into no template."""
    with pytest.raises(Invalid, match="a completion has no place"):
        seen(Request(endpoint="completion", model="", body={"prompt": "p"}), system="S")
    with pytest.raises(Invalid, match="prompt: holds no text"):
        seen(Request(endpoint="completion", model="", body={"prompt": [1, 2]}), template="{prompt}!")


@pytest.mark.parametrize("endpoint", ["embeddings", "tokenize", "response"])
def test_other_endpoints_go_through(endpoint: Endpoint) -> None:
    """What is no prompt is not touched."""
    body = {"input": "u"}
    assert seen(Request(endpoint=endpoint, model="", body=body), system="S", trim=True) == {**body, "model": "dense"}


def test_without_a_rule_for_answers_the_bytes_go_through() -> None:
    """Nothing is rendered anew."""
    frames, _ = streamed(b"raw 1", b"raw 2", system="S")
    assert [frame.data for frame in frames] == [b"raw 1", b"raw 2"]


def test_an_answer_is_changed_as_it_streams() -> None:
    """A pattern is found over frames, text that is certain does not wait, and the head comes with the first token."""
    frames, _ = streamed(b"<thi", b"nk>hm</think> My num", b"ber is 12", b"34, as you know", LAST, strip_thinking=True,
                         replace=[{"pattern": r"\d{1,8}", "with": "#"}])  # fmt: skip
    assert text_of(frames) == "".join(frame.text for frame in frames) == "My number is #, as you know!"
    assert frames[0].head is not None
    assert frames[0].data == b""
    assert [frame.head for frame in frames[1:]] == [None] * len(frames[1:])
    assert sum(bool(frame.data) for frame in frames) > 2
    assert sum(frame.tokens for frame in frames) == 5
    assert (frames[-1].prompt_tokens, frames[-1].finish_reason) == (9, "stop")
    assert frames[-1].data.endswith(b"data: [DONE]\n\n")


def test_an_answer_that_is_over_ends_the_call() -> None:
    """After the marker the engine is stopped; what it had generated until then is the usage."""
    frames, pools = streamed(b"one ", b"two ST", b"OP three", Hang(), stop_after="STOP", trim=True)
    assert text_of(frames) == "one two STOP"
    assert pools.log[-1] == "close dense"
    assert sum(frame.tokens for frame in frames) == 3
    assert frames[-1].finish_reason == "stop"


BODIES: dict[Endpoint, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "hi"}]},
    "completion": {"prompt": "hi"},
    "messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
    "responses": {"input": "hi"},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("endpoint", BODIES)
def test_every_endpoint_is_rendered_in_its_own_form(endpoint: Endpoint, stream: bool) -> None:
    """The changed text is what a client reads, streamed and whole."""
    request = Request(endpoint=endpoint, model="", body=BODIES[endpoint], stream=stream)
    whole = Frame(data=b"{}", text=" secret! ", tokens=4, prompt_tokens=9, finish_reason="length")
    spec = {"trim": True, "replace": [{"pattern": "secret", "with": "****"}]}
    frames, _ = streamed(Frame(data=b"", head=Head(model="dense", path=())), whole, request=request, **spec)
    if stream:
        assert text_of(frames, endpoint) == "****!"
    else:
        assert reader_of(endpoint).body(frames[-1].data).text == "****!"
    assert frames[-1].finish_reason == "length"
    assert sum(frame.tokens for frame in frames) == 4


def test_only_json_is_kept() -> None:
    """A fence and what is said around it go; an answer without JSON fails before anything is sent."""
    frames, _ = streamed(b'Sure: ```json\n{"a": ', b"1}\n``` Else?", Hang(), json_only=True)
    assert json.loads(text_of(frames)) == {"a": 1}
    with pytest.raises(EngineFailed, match="neither a JSON object"):
        streamed(b"I would ", b"rather not", LAST, json_only=True)


def test_what_was_disclosed_below_stays() -> None:
    """Comments of a stream and the field of a whole answer come through."""
    note = Frame(data=comment({"longform": {"done": 1}}), head=Head(model="dense", path=()))
    frames, _ = streamed(note, b" a", LAST, trim=True)
    assert frames[0] == note
    assert text_of(frames) == "a!"
    whole = Frame(data=with_field(b'{"id":"x"}', {"longform": {"parts": 2}}), text=" a", tokens=1)
    frames, _ = streamed(whole, request=chat(), trim=True)
    assert field_of(frames[-1].data) == {"longform": {"parts": 2}}


HIDDEN = Frame(data=b"data: raw <think>hm</think>SECRET\n\n", text="<think>hm</think>SECRET", tokens=3)
RULES: dict[str, Any] = {"strip_thinking": True, "replace": [{"pattern": "SECRET", "with": "***"}]}


@pytest.mark.parametrize("before", [comment({"longform": {"done": 1}}), b"data: role\n\n" + comment({"resumed": {}})])
def test_of_a_frame_with_comments_and_text_only_the_comments_go_through(before: bytes) -> None:
    """As nodes that hold answers join them, and a pool whose replica was replaced."""
    mixed = replaced(HIDDEN, data=before + HIDDEN.data + comment({"late": 1}), head=Head(model="dense", path=()))
    frames, _ = streamed(mixed, LAST, **RULES)
    assert text_of(frames) == "***!"
    data = b"".join(frame.data for frame in frames)
    assert b"raw" not in data
    assert data.startswith(comments_in(before) + comment({"late": 1}))
    assert frames[0].head is not None
    assert sum(frame.tokens for frame in frames) == 4


@pytest.mark.parametrize("accept", [{"refusal": False}, {"mean_logprob": -1, "after": 2}])
def test_the_answer_of_a_cascade_of_long_texts_is_changed(accept: dict[str, Any]) -> None:
    """Held until its end or for its first tokens, it comes with the comments of what made it."""
    graph = {
        "l": {"longform": "dense", "part": 200, "summary_ratio": 0.4, "budget": 5000, "answer": 100},
        "c": {"cascade": [{"to": "l", "accept": accept}, {"to": "moe"}]},
        "t": {"transform": "c", **RULES},
    }
    first = replaced(HIDDEN, logprob=-0.1, margin=0.1, head=Head(model="dense", path=()))
    pools = Scripted({"dense": [first, replaced(HIDDEN, finish_reason="stop")], "moe": [b"x"]})
    frames = leap(collect(compiled(graph, pools)["t"], chat("some words here. " * 200, stream=True)))
    assert text_of(frames) == "******"
    assert b"raw" not in b"".join(frame.data for frame in frames)
    assert b": tercet " in b"".join(frame.data for frame in frames)


def resumed(first: str, then: str, **spec: Any) -> list[Frame]:
    """Return the frames of an answer that one model began and another went on with."""

    def part(model: str, text: str, end: str | None = None) -> Frame:
        head = Head(model=model, path=("f", model))
        return Frame(data=text.encode(), text=text, tokens=1, ids=(1,), head=head, logprob=-1, finish_reason=end)

    graph = {"f": {"fallback": ["dense", "moe"], "resume": True}, "t": {"transform": "f", **spec}}
    pools = Scripted({"dense": [part("dense", first), EngineFailed("died")], "moe": [part("moe", then, "stop")]})
    return leap(collect(compiled(graph, pools)["t"], chat(stream=True)))


def test_an_answer_that_another_model_goes_on_with_stays_one() -> None:
    """Thoughts that were begun stay hidden, a stream opens once, and usage and scores are of all of it."""
    frames = resumed("Hi <think>secret ", "plan</think>done", strip_thinking=True)
    data = b"".join(frame.data for frame in frames)
    assert text_of(frames) == "Hi done"
    assert data.count(b'"role"') == 1
    assert data.count(b": tercet ") == 1
    assert sum(frame.tokens for frame in frames) == 2
    assert sum(frame.logprob for frame in frames) == -2
    assert [frame.head.model for frame in frames if frame.head is not None] == ["dense", "moe"]


def test_a_rule_goes_on_over_the_seam() -> None:
    """As if one model had written everything, also where nothing had been given out yet."""
    assert json.loads(text_of(resumed('Sure: {"a": ', "1} Else?", json_only=True))) == {"a": 1}
    assert text_of(resumed("<think>a", "b</think>c", strip_thinking=True)) == "c"
    assert text_of(resumed("SEC", "RET", replace=[{"pattern": "SECRET", "with": "***"}])) == "***"


def test_a_branch_that_was_given_up_leaves_nothing() -> None:
    """A head without data is all that was seen of it."""
    graph = {"f": {"fallback": ["dense", "moe"]}, "t": {"transform": "f", "trim": True}}
    given_up = Frame(data=b"", head=Head(model="dense", path=("f", "dense")))
    pools = Scripted({"dense": [given_up, EngineFailed("died")], "moe": [b" a", b"b "]})
    frames = leap(collect(compiled(graph, pools)["t"], chat(stream=True)))
    assert text_of(frames) == "ab"
    assert b'"model":"moe"' in frames[-1].data


LOST: list[tuple[str, Any]] = [("n", 2), ("tools", [{"type": "function"}]), ("logprobs", True), ("top_logprobs", 3)]


@pytest.mark.parametrize(("field", "value"), LOST)
def test_what_would_be_lost_is_refused_by_name(field: str, value: Any) -> None:
    """Only where answers are rendered anew."""
    with pytest.raises(Invalid, match=f"{field}: .* t changes the text") as caught:
        streamed(b"x", request=chat(**{field: value}), trim=True)
    assert caught.value.param == field
    frames, _ = streamed(b"x", request=chat(**{field: value}), system="S")
    assert frames[0].data == b"x"


def test_errors_and_empty_answers_pass_on() -> None:
    """An error is raised as it was; a target that says nothing failed."""
    with pytest.raises(EngineFailed, match="died"):
        streamed(b"a", EngineFailed("died"), trim=True)
    with pytest.raises(EngineFailed, match="dense ended without an answer"):
        streamed(trim=True)


async def test_over_a_real_gateway_the_usage_is_the_engines() -> None:
    """An engine's answer, whole and streamed, with its own numbers of tokens."""
    graph = {"t": {"transform": "dense", "replace": [{"pattern": " [a-z]{1,20}", "with": "."}]}}
    async with engines() as transport, client(gateway(transport, graph=graph, default="t")) as http:
        body = {"messages": [{"role": "user", "content": "hi there"}], "max_tokens": 12}
        plain = (await http.post("/v1/chat/completions", json={**body, "model": "dense"})).json()
        changed = await http.post("/v1/chat/completions", json=body)
        assert changed.json()["usage"] == plain["usage"]
        assert changed.json()["choices"][0]["message"]["content"] == "." * 12
        assert changed.headers["x-tercet-path"] == "t>dense"
        options = {"stream": True, "stream_options": {"include_usage": True}}
        stream = await http.post("/v1/chat/completions", json={**body, **options})
        assert json.dumps(plain["usage"], separators=(",", ":")) in stream.text


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing to do": ({}, "changes nothing"),
    "a template without the prompt": ({"template": "Say hi"}, "has no {prompt}"),
    "an unknown field": (
        {"template": "{prompt} {langage}"},
        "{langage}, which stands for nothing; did you mean language?",
    ),
    "a prompt in the system message": ({"system": "{prompt}"}, "{prompt}, which stands for nothing"),
    "an unbounded pattern": ({"replace": [{"pattern": "a+", "with": ""}]}, "may match more than 256 characters"),
    "an empty marker": ({"stop_after": [""]}, "empty marker"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_options_are_refused_by_name(case: str) -> None:
    """When the graph is loaded."""
    changed, message = BAD[case]
    with pytest.raises(ValidationError) as caught:
        parse_graph({"t": {"transform": "dense", **changed}})
    assert message in str(caught.value)


def test_a_spec_survives_being_written_down() -> None:
    """As the gateway is sent it."""
    spec = parse({"transform": "dense", "stop_after": "X", "replace": [{"pattern": "a", "with": "b"}]})
    assert parse(dump(spec)) == spec


def test_explains_what_it_would_change() -> None:
    """The rules by name, and what is held back at most."""
    graph = parse_graph({"t": {"transform": "dense", "system": "S", "trim": True, "stop_after": "STOP"}})
    step = explain(graph, "t", ["dense"], chat(), context()).step
    assert step.why == (
        "sets system of the prompt",
        "renders the answer anew: stop_after, trim; holds back 3 characters at most",
    )
