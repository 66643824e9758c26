"""record: what is kept of a request, and what never is."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from deployments.errors import EngineFailed, Overloaded
from deployments.graph.spec import dump, parse
from deployments.layers.deadline import deadline
from deployments.request import Context, Frame, Head, Request
from deployments.telemetry.records import MOST_TEXT, Keep, Record
from deployments.telemetry.records_read import read_records
from tests.deployments.gateway.building import ask, client, engines, gateway, until
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context
from tests.exposition import exposition


class Shelf:
    """Keeps records in memory."""

    def __init__(self) -> None:
        self.kept: list[Record] = []

    def add(self, record: Record, keep: Keep) -> None:
        self.kept.append(record)


def recorded(
    acts: list[Act], options: dict[str, Any], request: Request | None = None, ctx: Context | None = None
) -> tuple[list[Frame] | BaseException, list[Record]]:
    shelf = Shelf()
    nodes = compiled({"kept": {"record": "dense", **options}}, Scripted({"dense": acts}), records=shelf.add)

    async def run() -> list[Frame]:
        return await collect(deadline(asyncio.get_running_loop().time)(nodes["kept"]), request, ctx)

    try:
        return leap(run()), shelf.kept
    except Exception as error:  # noqa: BLE001 - whatever the node raised is the result
        return error, shelf.kept


def test_keeps_the_figures_of_an_answer():
    """Time to first token, duration, tokens, path and model are those that the client saw."""
    last = Frame(data=b"two", text="two", tokens=4, prompt_tokens=9, finish_reason="stop")
    frames, kept = recorded([Pause(2), b"one", Pause(3), last], {})
    assert isinstance(frames, list)
    assert [frame.data for frame in frames] == [b"one", b"two"]
    (record,) = kept
    assert (record.ttft_s, record.duration_s) == (pytest.approx(2), pytest.approx(5))
    assert (record.completion_tokens, record.prompt_tokens, record.finish_reason) == (5, 9, "stop")
    assert (record.entry, record.node, record.model, record.path) == ("kept", "kept", "dense", ("kept", "dense"))
    assert (record.outcome, record.at_s) == ("ok", context().now.timestamp())


def test_texts_are_kept_only_where_they_were_asked_for():
    """By default neither what was said nor what was answered leaves the process."""
    (without,) = recorded([b"answer"], {})[1]
    assert (without.body, without.answer) == (None, None)
    assert b"hi" not in msgspec.json.encode(without)
    (with_text,) = recorded([b"ans", b"wer"], {"text": True})[1]
    assert with_text.answer == "answer"
    assert with_text.body == chat().body


def test_of_headers_only_the_named_ones_are_kept():
    """What nobody named stays out."""
    sent = context(headers={"x-plan": "gold", "x-other": "1"})
    (record,) = recorded([b"a"], {"headers": ["X-Plan", "x-absent"]}, None, sent)[1]
    assert record.headers == {"x-plan": "gold"}


@pytest.mark.parametrize("declared", [str(MOST_TEXT), "9" * 4000, "²"])
def test_a_large_body_is_left_out_and_the_figures_stay(declared):
    """A record never grows beyond its bound, and odd lengths break nothing."""
    (record,) = recorded([b"a"], {"text": True}, chat(), context(headers={"content-length": declared}))[1]
    assert record.completion_tokens == 1
    assert declared == "²" or "9" in declared or record.body is None


def test_a_body_that_utf8_cannot_write_costs_its_text_alone():
    """Half a surrogate pair is legal JSON."""
    (record,) = recorded([b"a"], {"text": True}, chat("\ud800"))[1]
    assert record.body is None
    assert record.outcome == "ok"


@pytest.mark.parametrize(
    ("acts", "outcome"),
    [
        ([Overloaded("full")], "pool_overloaded"),
        ([b"a", Overloaded("late")], "pool_overloaded"),
        ([RuntimeError()], "internal_error"),
    ],
)
def test_failures_are_kept_by_their_code(acts, outcome):
    """One record a request, however it ends."""
    result, kept = recorded(acts, {})
    assert isinstance(result, Exception)
    assert [record.outcome for record in kept] == [outcome]


def test_a_request_that_ran_out_of_time_is_told_from_one_that_was_left():
    """Both close the stream; only one of them is the server's failure."""
    result, kept = recorded([b"a", Hang()], {}, chat(), context(deadline_s=3.0))
    assert isinstance(result, Exception)
    assert [record.outcome for record in kept] == ["deadline_exceeded"]


def test_a_client_that_leaves_is_kept_as_cancelled():
    """The record is written when the stream is closed."""
    shelf = Shelf()
    nodes = compiled({"kept": {"record": "dense"}}, Scripted({"dense": [b"a", Hang()]}), records=shelf.add)

    async def run() -> None:
        frames = nodes["kept"](chat(), context())
        await anext(frames)
        await frames.aclose()  # type: ignore[attr-defined]

    leap(run())
    assert [record.outcome for record in shelf.kept] == ["cancelled"]


@pytest.mark.parametrize(
    ("last", "outcome"), [(b"b", "cancelled"), (Frame(data=b"b", text="b", tokens=1, finish_reason="stop"), "ok")]
)
def test_an_answer_that_was_heard_to_its_end_is_ok_whoever_closes_it(last, outcome):
    """A node above that has enough closes the stream; what was whole by then was an answer."""
    shelf = Shelf()
    graph = {"kept": {"record": "dense"}, "short": {"transform": "kept", "stop_after": "b"}}
    nodes = compiled(graph, Scripted({"dense": [b"a", last, Hang()]}), records=shelf.add)
    leap(collect(nodes["short"], chat(stream=True)))
    assert [(record.outcome, record.completion_tokens) for record in shelf.kept] == [(outcome, 2)]


def part(model: str, text: str, tokens: int, finish_reason: str | None = None) -> Frame:
    head = Head(model=model, path=("kept", "f", model), replica=f"{model}#0", engine_ttft_s=0.5)
    ids = tuple(range(tokens))
    return Frame(data=text.encode(), text=text, ids=ids, tokens=tokens, head=head, finish_reason=finish_reason)


def test_an_answer_that_another_model_goes_on_with_is_kept_as_one():
    """All of the text and the tokens, the time of the first of them, and who answers now."""
    shelf = Shelf()
    graph = {"f": {"fallback": ["dense", "moe"], "resume": True}, "kept": {"record": "f", "text": True}}
    begun = [Pause(2), part("dense", "The answer ", 3), Pause(7), EngineFailed("died")]
    pools = Scripted({"dense": begun, "moe": [part("moe", "is 42.", 1, "stop")]})
    leap(collect(compiled(graph, pools, records=shelf.add)["kept"], chat(stream=True)))
    (record,) = shelf.kept
    assert (record.answer, record.completion_tokens) == ("The answer is 42.", 4)
    assert (record.ttft_s, record.duration_s) == (pytest.approx(2), pytest.approx(9))
    assert (record.model, record.path) == ("moe", ("kept", "f", "moe"))


def test_what_was_seen_of_a_branch_before_its_first_data_is_forgotten():
    """It was given up: the first token is the one of the branch that answered."""
    shelf = Shelf()
    graph = {"f": {"fallback": ["dense", "moe"]}, "kept": {"record": "f"}}
    given_up = Frame(data=b"", head=Head(model="dense", path=("kept", "f", "dense")))
    pools = Scripted({"dense": [given_up, Pause(3), EngineFailed("died")], "moe": [b"a"]})
    leap(collect(compiled(graph, pools, records=shelf.add)["kept"], chat(stream=True)))
    assert [(record.model, record.ttft_s) for record in shelf.kept] == [("moe", pytest.approx(3))]


def test_a_comment_is_no_first_token():
    """What a node tells while it works on the answer is not yet one."""
    shelf = Shelf()
    told = Frame(data=b": tercet {}\n\n", head=Head(model="dense", path=()))
    answer = Frame(data=b"a", text="a", tokens=1, head=Head(model="moe", path=(), replica="moe#1"))
    nodes = compiled({"kept": {"record": "dense"}}, Scripted({"dense": [told, Pause(4), answer]}), records=shelf.add)
    leap(collect(nodes["kept"], chat(stream=True)))
    assert [(record.model, record.ttft_s) for record in shelf.kept] == [("moe", pytest.approx(4))]


def test_only_a_share_is_kept_and_always_the_same():
    """The share is a matter of the request's id."""
    shelf = Shelf()
    nodes = compiled({"kept": {"record": "dense", "share": "25%"}}, Scripted({"dense": [b"a"]}), records=shelf.add)

    async def run() -> None:
        for at in range(400):
            await collect(nodes["kept"], chat(), context(request_id=f"r{at}"))

    leap(run())
    first, shelf.kept = {record.request_id for record in shelf.kept}, []
    leap(run())
    assert first == {record.request_id for record in shelf.kept}
    assert abs(len(first) - 100) < 4 * (400 * 0.25 * 0.75) ** 0.5


@pytest.mark.parametrize("acts", [[b"a"], [Overloaded("full")]])
def test_the_arm_is_known_whether_it_answered_or_not(acts):
    """A split below tells where it went, so that its failures can be counted."""
    shelf = Shelf()
    graph = {"kept": {"record": "ab"}, "ab": {"split": {"dense": 1, "moe": 0}}}
    nodes = compiled(graph, Scripted({"dense": acts}), records=shelf.add)
    with pytest.raises(Overloaded) if isinstance(acts[0], Overloaded) else nullcontext():
        leap(collect(nodes["kept"]))
    assert [record.arms for record in shelf.kept] == [{"ab": "dense"}]


def test_an_arm_that_was_given_up_did_not_answer():
    """After a fallback the answer counts for the arm that gave it."""
    shelf = Shelf()
    graph = {
        "kept": {"record": "safe"},
        "safe": {"fallback": ["ab", "cd"]},
        "ab": {"split": {"dense": 1}},
        "cd": {"split": {"moe": 1}},
    }
    transport = Scripted({"dense": [Overloaded("full")], "moe": [b"b"]})
    leap(collect(compiled(graph, transport, records=shelf.add)["kept"]))
    assert [(record.arms, record.model) for record in shelf.kept] == [({"cd": "moe"}, "moe")]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"record": "auto", "share": "110%"}, "between 0% and 100%"),
        ({"record": "auto", "share": 5}, "between 0% and 100%"),
        ({"record": "auto", "headers": ["x-plan", "Authorization"]}, "may carry a secret"),
        ({"record": "auto", "keep": {"days": 0}}, "greater than 0"),
        ({"record": "auto", "keep": {"bytes": "1kB"}}, "greater than or equal to 1048576"),
    ],
)
def test_refuses_what_makes_no_sense(written, complaint):
    """Each mistake is told with the way out."""
    with pytest.raises(ValidationError, match=complaint):
        parse(written)


def test_survives_being_written_and_read():
    """What the gateway is sent is what was configured."""
    spec = parse({"record": "auto", "share": "10%", "text": True, "keep": {"days": 3, "bytes": "50MiB"}})
    assert parse(dump(spec)) == spec


async def test_a_gateway_writes_what_it_answered(tmp_path):
    """Through HTTP: streamed or whole, the record holds the text that the client got."""
    graph = {"kept": {"record": "ab", "text": True}, "ab": {"split": {"dense": 1}}}
    async with engines() as transport:
        served = gateway(transport, graph=graph, default="kept", folder=tmp_path / "records")
        async with client(served) as calls:
            whole = await calls.post("/v1/chat/completions", json=ask(max_tokens=5), headers={"x-tenant-id": "acme"})
            await calls.post("/v1/chat/completions", json=ask(max_tokens=5, stream=True))
            await calls.post("/v1/chat/completions", json=ask(max_tokens=5, model="dense"))
        await served.close()
    first, second = read_records(tmp_path / "records")
    assert first.answer == whole.json()["choices"][0]["message"]["content"] != ""
    assert (first.tenant, first.completion_tokens, first.arms) == ("acme", 5, {"ab": "dense"})
    assert first.prompt_tokens == whole.json()["usage"]["prompt_tokens"]
    assert (second.answer, second.stream) == (first.answer, True)
    assert first.body == ask(max_tokens=5)
    await until(lambda: b'tercet_records_total{node="kept",outcome="written"} 2.0' in exposition(served.metrics))
