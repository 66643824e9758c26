"""redact: the model never sees what is personal, the caller misses nothing of it, and answers give none away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from threading import get_ident
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deployments.engines.rendering import Ending, Usage
from deployments.engines.renderings import rendering_of
from deployments.errors import BodyTooLarge, ContentRefused, Invalid
from deployments.graph.explain import explain
from deployments.graph.meters import Unmetered
from deployments.graph.rewriting.events import content_of, events_of
from deployments.graph.spec import parse, parse_graph
from deployments.nodes.redact import screening
from deployments.pii.scanner import Scanner
from deployments.pii.vault import Vault
from deployments.request import Endpoint, Frame, Head, Request
from tests.deployments.leap import leap
from tests.deployments.pii.samples import pieces
from tests.deployments.scripted import Scripted, chat, collect, compiled, context

MAIL, PHONE = "bob@example.com", "13800138000"
CUTS = st.lists(st.integers(0, 300), max_size=12)


def asked(request: Request, frames: Sequence[Frame] = (Frame(data=b"{}"),), **spec: Any) -> tuple[Any, list[Frame]]:
    """Return the body that the model gets, and what the caller does."""
    pools = Scripted({"dense": list(frames)})
    node = compiled({"r": {"redact": "dense", **spec}}, pools)["r"]
    out = leap(collect(node, request))
    return pools.seen[0][0].body, out


def answer(endpoint: Endpoint, parts: list[str]) -> list[Frame]:
    """Return the frames in which an engine streams *parts*."""
    request = Request(endpoint=endpoint, model="m", body={"messages": []}, stream=True)
    rendering = rendering_of(request, context(), model="m", prompt_tokens=3, created=1)
    usage = Usage(prompt_tokens=3, completion_tokens=len(parts))
    last = rendering.last(parts[-1], Ending(text="".join(parts), finish_reason="stop", usage=usage))
    return [
        Frame(data=rendering.opening(), head=Head(model="m", path=("r", "m"))),
        *(Frame(data=rendering.delta(part), text=part, tokens=1) for part in parts[:-1]),
        Frame(data=last, text=parts[-1], tokens=1, finish_reason="stop"),
    ]


def said(frames: list[Frame]) -> str:
    return "".join(frame.text for frame in frames)


def whole(text: str) -> Frame:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}
    return Frame(
        data=json.dumps(body).encode(), text=text, tokens=1, finish_reason="stop", head=Head(model="m", path=("m",))
    )


def test_the_model_sees_placeholders_and_the_caller_originals() -> None:
    """The same value has the same placeholder, in whichever message it stands."""
    request = chat(f"I am {MAIL}, {PHONE}. Again {MAIL}.")
    body, out = asked(request, [whole("Hello <EMAIL_1>, I will call <PHONE_1>, not <PHONE_2>.")])
    assert body["messages"][0]["content"] == "I am <EMAIL_1>, <PHONE_1>. Again <EMAIL_1>."
    told = f"Hello {MAIL}, I will call {PHONE}, not <PHONE_2>."
    assert said(out) == json.loads(out[0].data)["choices"][0]["message"]["content"] == told
    assert out[0].head is not None
    assert out[0].head.notes["redacted"] == "EMAIL=1, PHONE=1"


BODIES: list[tuple[Endpoint, dict[str, Any]]] = [
    ("chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": MAIL}]}]}),
    ("chat", {"messages": [{"role": "assistant", "content": None, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "bob\\u0040example.com"}'}}]}]}),
    ("chat", {"messages": [{"role": "tool", "tool_call_id": "c", "content": f'{{"a": "{MAIL}"}}'}]}),
    ("chat", {"messages": [], "user": MAIL, "metadata": {"who": MAIL}}),
    ("chat", {"messages": [], "tools": [{"type": "function", "function": {"name": "f", "description": MAIL}}]}),
    ("chat", {"messages": [{"role": "user", "name": MAIL, "content": "hi"}], "metadata": {"id": MAIL}}),
    ("chat", {"messages": [], "response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": {
        "properties": {"name": {"description": MAIL}, "url": {"enum": [MAIL], "default": {"id": MAIL}}},
        "$defs": {"format": {"title": MAIL}}}}}}),
    ("chat", {"messages": [], "structured_outputs": {"choice": [MAIL]}, "chat_template_kwargs": {"name": MAIL}}),
    ("chat", {"messages": [], "documents": [{"title": "a", "name": MAIL, "url": MAIL}]}),
    ("chat", {"messages": [], "tools": [{"type": "function", "function": {"name": "f", "parameters": {
        "properties": {"name": {"type": "string", "description": MAIL}}}}}]}),
    ("messages", {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {
        "name": MAIL, "data": MAIL, "url": f"https://x/?m={MAIL}", "token": MAIL, "id": [{"type": MAIL}]}}]}]}),
    ("messages", {"messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": MAIL}}]}]}),
    ("messages", {"messages": [], "output_config": {"format": {"schema": {"properties": {"id": {"title": MAIL}}}}}}),
    ("responses", {"input": "x", "text": {"format": {"type": "json_schema", "schema": {"description": MAIL}}}}),
    ("responses", {"prompt": {"id": "p", "variables": {"name": MAIL, "url": {"type": "input_text", "text": MAIL}}}}),
    ("completion", {"prompt": [MAIL, "b"], "suffix": MAIL}),
    ("messages", {"system": MAIL, "messages": [{"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": MAIL}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"deep": [{"a": MAIL}]}}]}]}),
    ("count_tokens", {"messages": [{"role": "user", "content": MAIL}]}),
    ("responses", {"instructions": MAIL, "input": [{"type": "function_call_output", "call_id": "c", "output": MAIL}]}),
    ("embeddings", {"input": [MAIL, "x"]}),
    ("score", {"queries": MAIL, "documents": [{"text": MAIL}]}),
    ("rerank", {"query": MAIL, "documents": [MAIL]}),
    ("tokenize", {"prompt": MAIL}),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "body"), BODIES)
def test_every_text_of_every_endpoint_is_masked(endpoint: Endpoint, body: dict[str, Any]) -> None:
    """Nothing of it is left anywhere in the body, and the caller's own body is as it was."""
    before = json.dumps(body)
    seen, _ = asked(Request(endpoint=endpoint, model="", body=body))
    assert "<EMAIL_1>" in json.dumps(seen)
    assert "example.com" not in json.dumps(seen)
    assert json.dumps(body) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("structured_outputs", {"regex": f"({MAIL}|none)"}),
        ("structured_outputs", {"grammar": f'root ::= "{MAIL}"'}),
        ("structured_outputs", {"json": '{"const": "bob\\u0040example.com"}'}),
        ("response_format", {"json_schema": {"schema": {"pattern": f"^{MAIL}$"}}}),
    ],
)
def test_what_no_placeholder_can_stand_in_is_refused(field: str, value: Any) -> None:
    """A pattern or a grammar could be none with it, and the field is named."""
    with pytest.raises(Invalid, match="pattern") as caught:
        asked(chat("x", **{field: value}))
    assert caught.value.param == field
    assert "example" not in str(caught.value)
    with pytest.raises(ContentRefused, match="EMAIL"):
        asked(chat("x", **{field: value}), action="block")


def test_what_machines_read_stays() -> None:
    """Ids, kinds and addresses where the API has named the key; and patterns in which nothing is found."""
    part = {"type": "image_url", "image_url": {"url": f"https://x/{MAIL}.png"}}
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^[a-z]{3}$", "format": "email"}}}
    body = {
        "messages": [{"role": "user", "content": [part]}],
        "structured_outputs": {"json": schema},
    }
    seen, _ = asked(Request(endpoint="chat", model="", body=body))
    assert seen["messages"] == body["messages"]
    assert seen["structured_outputs"] == {"json": schema}


@pytest.mark.parametrize("field", ["metadata", "messages"])
def test_what_is_nested_too_deep_is_refused(field: str) -> None:
    """As an object or as lists; the field is named."""
    for nest in (lambda inner: {"a": inner}, lambda inner: [inner]):
        value: Any = MAIL
        for _ in range(900):
            value = nest(value)
        with pytest.raises(Invalid, match="nested deeper") as caught:
            asked(Request(endpoint="chat", model="", body={"messages": [], field: [value]}))
        assert caught.value.param == field


def test_inputs_of_tools_are_restored_under_any_key() -> None:
    """In a whole answer as in a streamed one."""
    given_ = {"name": "<EMAIL_1>", "url": "https://x/?q=<EMAIL_1>", "who": ["<EMAIL_1>"]}
    block = {"type": "tool_use", "id": "t", "name": "f", "input": given_}
    request = Request(endpoint="messages", model="", body={"messages": [{"role": "user", "content": MAIL}]})
    _, out = asked(request, [Frame(data=json.dumps({"content": [block]}).encode())])
    told = json.loads(out[0].data)["content"][0]["input"]
    assert told == {"name": MAIL, "url": f"https://x/?q={MAIL}", "who": [MAIL]}


async def test_a_request_of_too_many_characters_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others would wait for it too long."""
    monkeypatch.setattr(screening, "MOST_CHARS", 5)
    node = compiled({"r": {"redact": "dense"}}, Scripted({"dense": [whole("hi")]}))["r"]
    with pytest.raises(BodyTooLarge, match="5 at most"):
        await collect(node, chat("123456"))
    assert said(await collect(node, chat("12345"))) == "hi"


@pytest.mark.parametrize("action", ["mask", "block", "flag"])
async def test_long_requests_are_searched_in_one_thread_beside_the_event_loop(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short ones where they are."""
    threads: set[int] = set()
    end = Scanner.end
    monkeypatch.setattr(Scanner, "end", lambda self, text="": [threads.add(get_ident()), end(self, text)][1])
    node = compiled({"r": {"redact": "dense", "action": action}}, Scripted({"dense": [whole("hi")]}))["r"]
    for times, here in ((10, True), (100, False)):
        threads.clear()
        await asyncio.gather(*(collect(node, chat("12 34 " * times)) for _ in range(5)))
        assert len(threads) == 1
        assert (threads == {get_ident()}) is here


class Counted(Unmetered):
    """Meters that remember what was found."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def screened(self, node: str, found: str, action: str) -> None:
        """Remember one."""
        self.found.append(found)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("endpoint", ["chat", "completion", "messages", "responses"])
def test_what_an_answer_tells_twice_counts_once(endpoint: Endpoint, stream: bool) -> None:
    """A whole answer beside its text, and the events at the end of a stream that repeat it."""
    text = f"Ask {MAIL}, not amy@example.org."
    request = Request(endpoint=endpoint, model="", body={"messages": [], "input": "x"}, stream=stream)
    body = {"chat": {"choices": [{"message": {"content": text}}]}, "completion": {"choices": [{"text": text}]}}.get(
        endpoint, {"content": [{"type": "text", "text": text[:20]}, {"type": "text", "text": text[20:]}]}
    )
    frames = answer(endpoint, [text[:9], text[9:]]) if stream else [Frame(data=json.dumps(body).encode(), text=text)]
    meters = Counted()
    node = compiled({"r": {"redact": "dense", "direction": "output"}}, Scripted({"dense": frames}), meters=meters)["r"]
    out = leap(collect(node, request))
    assert said(out) == "Ask [EMAIL], not [EMAIL]."
    assert meters.found == ["EMAIL", "EMAIL"]


@pytest.mark.parametrize("endpoint", ["chat", "completion", "messages", "responses"])
@settings(max_examples=20, deadline=None)
@given(cuts=CUTS)
def test_placeholders_are_restored_however_the_stream_is_cut(endpoint: Endpoint, cuts: list[int]) -> None:
    """On each surface; what only looks like one stays."""
    field = {"completion": "prompt", "responses": "input"}.get(endpoint)
    body = {field: f"{MAIL} {PHONE}"} if field else {"messages": [{"role": "user", "content": f"{MAIL} {PHONE}"}]}
    request = Request(endpoint=endpoint, model="", body=body, stream=True)
    text = "a <b> <EMAIL_ <EMAIL_1>, <PHONE_1><EMAIL_9>! 1 < 2 <EMAIL_1"
    _, out = asked(request, answer(endpoint, pieces(text, cuts)))
    told = f"a <b> <EMAIL_ {MAIL}, {PHONE}<EMAIL_9>! 1 < 2 <EMAIL_1"
    assert said(out) == told
    assert sum(frame.tokens for frame in out) == len(cuts) + 1


@settings(max_examples=40, deadline=None)
@given(cuts=CUTS, escaped=st.booleans())
def test_arguments_of_tools_are_restored(cuts: list[int], escaped: bool) -> None:
    """As they are, and where the model writes a bracket as an escape."""
    source = json.dumps({"to": "<EMAIL_1>", "body": '"hi"\n<PHONE_1>'})
    source = source.replace("<", "\\u003c").replace(">", "\\u003E") if escaped else source

    def call(part: str) -> Frame:
        delta = {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
        data = json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        return Frame(data=b"data: " + data.encode() + b"\n\n")

    _, out = asked(chat(f"{MAIL} {PHONE}", stream=True), [call(part) for part in pieces(source, cuts)])
    values = [json.loads(content_of(event)) for frame in out for event in events_of(frame.data)]
    restored = "".join(one["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] for one in values)
    assert json.loads(restored) == {"to": MAIL, "body": f'"hi"\n{PHONE}'}


def test_values_of_any_characters_are_written_as_json_in_json() -> None:
    """A placeholder in a tool's arguments may stand for what needs escapes there."""
    from deployments.nodes.redact.inward import Restoring  # noqa: PLC0415 - only here

    vault = Vault()
    vault.placeholder("NAME", 'Jo "J" \\ Ö')
    restored = Restoring(vault)(source=True).whole('{"a": "<NAME_1>"}')
    assert json.loads(restored) == {"a": 'Jo "J" \\ Ö'}


def test_what_looks_like_a_placeholder_is_nobody_elses() -> None:
    """A number that the caller has used is not given."""
    body, out = asked(chat(f"print <EMAIL_1>, mail {MAIL}"), [whole("<EMAIL_1> <EMAIL_2>")])
    assert body["messages"][0]["content"] == "print <EMAIL_1>, mail <EMAIL_2>"
    assert said(out) == f"<EMAIL_1> {MAIL}"


def test_a_request_without_anything_personal_passes_untouched() -> None:
    """And so does its answer, byte by byte."""
    request = chat("The answer is 42.", stream=True)
    frames = answer("chat", ["<EMAIL_1>", "x"])
    body, out = asked(request, frames)
    assert body["messages"] == request.body["messages"]
    assert out == frames


def test_a_long_request_is_searched_like_a_short_one() -> None:
    """Beside the streams that are under way."""
    body, out = asked(chat("word " * 2000 + MAIL), [whole("<EMAIL_1>")])
    assert body["messages"][0]["content"].endswith("word <EMAIL_1>")
    assert said(out) == MAIL


def test_two_requests_share_nothing() -> None:
    """The placeholder of one means nothing in the answer to another."""
    asked(chat(MAIL), [whole("<EMAIL_1>")])
    _, out = asked(chat(PHONE), [whole("<EMAIL_1> <PHONE_1>")])
    assert said(out) == f"<EMAIL_1> {PHONE}"


@pytest.mark.parametrize("endpoint", ["chat", "completion", "messages", "responses"])
@settings(max_examples=20, deadline=None)
@given(cuts=CUTS)
def test_what_the_model_says_is_masked_however_the_stream_is_cut(endpoint: Endpoint, cuts: list[int]) -> None:
    """For good: nothing of it is in the bytes."""
    request = Request(endpoint=endpoint, model="", body={"messages": [], "input": "x"}, stream=True)
    text = f"Ask {MAIL}, or +86 138 0013 8000, about 3.14159265358979 and order 20240611123456789."
    _, out = asked(request, answer(endpoint, pieces(text, cuts)), direction="output")
    assert said(out) == "Ask [EMAIL], or [PHONE], about 3.14159265358979 and order 20240611123456789."
    data = b"".join(frame.data for frame in out)
    assert b"example.com" not in data
    assert b"8000" not in data


def test_both_directions_are_two_nodes() -> None:
    """The caller's own come back, the model's do not, and neither is taken for the other."""
    pools = Scripted({"dense": [whole("<EMAIL_1> and eve@evil.example.org")]})
    nodes = compiled({"r": {"redact": "o"}, "o": {"redact": "dense", "direction": "output"}}, pools)
    out = leap(collect(nodes["r"], chat(MAIL)))
    assert said(out) == f"{MAIL} and [EMAIL]"


def test_block_refuses_the_request_and_tells_the_field_but_not_the_value() -> None:
    """Before anybody is asked."""
    pools = Scripted({"dense": []})
    node = compiled({"r": {"redact": "dense", "action": "block"}}, pools)["r"]
    with pytest.raises(ContentRefused, match="EMAIL") as caught:
        leap(collect(node, chat(MAIL)))
    assert (caught.value.param, caught.value.status, caught.value.code) == ("messages", 400, "content_policy_violation")
    assert MAIL not in str(caught.value)
    assert pools.log == []


def test_block_ends_the_answer_before_the_value() -> None:
    """What came before has been given; nothing of the value is."""
    frames = answer("chat", ["Ask ", "bob@exam", "ple.com", " now"])
    pools = Scripted({"dense": frames})
    node = compiled({"r": {"redact": "dense", "direction": "output", "action": "block"}}, pools)["r"]
    got: list[Frame] = []

    async def read() -> None:
        async for frame in node(chat(stream=True), context()):
            got.append(frame)  # noqa: PERF401 - what comes before the error counts

    with pytest.raises(ContentRefused, match="EMAIL"):
        leap(read())
    assert said(got) == "Ask "
    assert pools.log == ["open dense", "close dense"]


def test_flag_changes_nothing() -> None:
    """Neither on the way in nor on the way out, not even by a delay."""
    frames = answer("chat", ["Ask ", "bob@exam", "ple.com", " now"])
    body, out = asked(chat(MAIL, stream=True), frames, action="flag")
    assert body["messages"][0]["content"] == MAIL
    assert out[0].head is not None
    assert out[0].head.notes["redacted"] == "EMAIL=1"
    _, out = asked(chat("x", stream=True), frames, action="flag", direction="output")
    assert [(frame.data, frame.text) for frame in out] == [(frame.data, frame.text) for frame in frames]


def test_only_the_entities_asked_for_are_masked() -> None:
    """Others pass."""
    body, _ = asked(chat(f"{MAIL} {PHONE}"), entities=["PHONE"])
    assert body["messages"][0]["content"] == f"{MAIL} <PHONE_1>"


@pytest.mark.parametrize("prompt", [[1, 2, 3], [[1, 2], [3]]])
def test_a_prompt_that_cannot_be_searched_is_refused(prompt: Any) -> None:
    """Token ids would carry anything past."""
    with pytest.raises(Invalid, match="token ids") as caught:
        asked(Request(endpoint="completion", model="", body={"prompt": prompt}))
    assert caught.value.param == "prompt"


@pytest.mark.parametrize("more", [{"logprobs": True}, {"return_token_ids": True}])
def test_tokens_beside_a_masked_text_are_refused(more: dict[str, Any]) -> None:
    """They would tell what is masked."""
    with pytest.raises(Invalid, match=next(iter(more))):
        asked(chat("x", **more), direction="output")


def test_an_answer_that_is_kept_elsewhere_is_refused_or_not_kept() -> None:
    """It would be found as the model gave it."""
    with pytest.raises(Invalid, match="background"):
        asked(Request(endpoint="responses", model="", body={"input": MAIL, "background": True}))
    body, _ = asked(Request(endpoint="responses", model="", body={"input": MAIL}))
    assert body["store"] is False


def test_explain_tells_what_is_found() -> None:
    """Kinds, and no values."""
    graph = parse_graph({"r": {"redact": "dense"}})
    told = explain(graph, "r", ["dense"], chat(f"{MAIL} {PHONE}"), context())
    assert "EMAIL, PHONE" in str(told)
    assert MAIL not in str(told)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"redact": "dense", "entities": ["EMIAL"]}, "did you mean EMAIL"),
        ({"redact": "dense", "entities": []}, "empty"),
        ({"redact": "dense", "action": "mask it"}, "mask"),
    ],
)
def test_what_makes_no_sense_is_refused(spec: dict[str, Any], message: str) -> None:
    """When the config is loaded, with the way out."""
    with pytest.raises(ValidationError, match=message):
        parse(spec)
