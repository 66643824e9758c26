"""fallback: the next target goes on with an answer that broke off, and the client is told."""

from __future__ import annotations

import json

import msgspec
import pytest

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import (
    ContextTooLong,
    DeadlineExceeded,
    EngineFailed,
    Invalid,
    NoReplica,
    Overloaded,
    ServingError,
    Stalled,
)
from deployments.request import Frame, Head, Resume
from tests.deployments.gateway.building import ask, client, engines, gateway
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Scripted, chat, collect, compiled
from tests.exposition import exposition

GRAPH = {"f": {"fallback": ["dense", "moe", "distilled"], "resume": True, "timeout": {"between_tokens": "2s"}}}


def part(pool: str, text: str, ids: tuple[int, ...], *, head: bool = False, end: bool = False) -> Frame:
    """Return a frame as an engine sends it for a traced request."""
    told = Head(model=pool, path=("f", pool)) if head else None
    return Frame(
        data=text.encode(), text=text, ids=ids, tokens=len(ids), head=told, finish_reason="stop" if end else None
    )


def asked(dense: list[Act], moe: list[Act], distilled: list[Act] | None = None, **more: object) -> tuple[Scripted, str]:
    transport = Scripted({"dense": dense, "moe": moe, "distilled": distilled or []})
    frames = leap(collect(compiled(GRAPH, transport)["f"], chat(stream=True, **more)))
    return transport, b"".join(frame.data for frame in frames).decode()


BEGUN = [part("dense", "one ", (1,), head=True), part("dense", "two ", (2, 3))]


def test_the_next_target_goes_on() -> None:
    """It is told what was delivered, and what it adds follows a comment that says who, why and from where on."""
    transport, text = asked([*BEGUN, EngineFailed("died")], [part("moe", "three", (9,), head=True, end=True)])
    said, comment, rest = text.partition(": tercet ")[0], *text.partition(": tercet ")[2].split("\n\n")
    assert said + rest == "one two three"
    assert json.loads(comment) == {
        "resumed": {"by": "moe", "from": "dense", "because": "engine_failed", "after_tokens": 3}
    }
    assert transport.seen[1][0].resume == Resume(model="dense", text="one two ", ids=(1, 2, 3))
    assert [request.traced for request, _ in transport.seen] == [True, True]


def test_it_goes_on_more_than_once() -> None:
    """The tokens of two models make no sequence: the third target is given the text."""
    second = [part("moe", "three ", (9,), head=True), Hang()]
    third = [part("distilled", "four", (4,), head=True, end=True)]
    transport, text = asked([*BEGUN, EngineFailed("died")], second, third)
    assert text.endswith("four")
    assert text.count(": tercet ") == 2
    assert '"because":"stalled"' in text
    assert transport.seen[2][0].resume == Resume(model="moe", text="one two three ", ids=())


def test_a_target_that_refuses_to_go_on_is_passed_over() -> None:
    """What was delivered stays as it was, and is told again to the one after."""
    transport, text = asked(
        [*BEGUN, EngineFailed("died")], [Overloaded("full")], [part("distilled", "x", (4,), head=True, end=True)]
    )
    assert '"by":"distilled"' in text
    assert '"from":"dense"' in text
    assert '"because":"engine_failed"' in text
    assert transport.seen[2][0].resume == transport.seen[1][0].resume


def test_nothing_is_missing_after_the_end() -> None:
    """An engine that breaks once the answer is whole has broken nothing."""
    transport, text = asked([*BEGUN, part("dense", "three", (4,), end=True), EngineFailed("died")], [b"x"])
    assert text == "one two three"
    assert transport.log == ["open dense", "close dense"]


def test_before_data_it_starts_anew() -> None:
    """There is nothing to go on with, and nothing to disclose."""
    transport, text = asked([EngineFailed("died")], [part("moe", "all", (1,), head=True, end=True)])
    assert text == "all"
    assert transport.seen[1][0].resume is None


@pytest.mark.parametrize("refusal", [NoReplica("none"), ContextTooLong("long"), Invalid("bad"), EngineFailed("too")])
def test_the_client_is_told_what_broke_the_answer_when_nobody_goes_on(refusal: ServingError) -> None:
    """Why others could not take it over is not why it ended: the request was right, and answered for a while."""
    with pytest.raises(EngineFailed, match=r"^died$"):
        asked([*BEGUN, EngineFailed("died")], [refusal], [NoReplica("none")])
    with pytest.raises(Stalled):
        asked([*BEGUN, Hang()], [refusal], [NoReplica("none")])


def test_each_break_has_its_own_cause() -> None:
    """Whoever went on with the answer and broke as well is the one who is told of."""
    second = [part("moe", "three ", (9,), head=True), EngineFailed("second")]
    with pytest.raises(EngineFailed, match=r"^second$"):
        asked([*BEGUN, EngineFailed("first")], second, [NoReplica("none")])


def test_time_that_ran_out_over_a_broken_answer_is_told() -> None:
    """No refusal, but the end of what waiting could do."""
    with pytest.raises(DeadlineExceeded):
        asked([*BEGUN, EngineFailed("died")], [DeadlineExceeded("late")], [DeadlineExceeded("late")])


def test_what_cannot_be_gone_on_with_ends() -> None:
    """Two choices at a time cannot be resumed: the error passes through, as without ``resume``."""
    with pytest.raises(Stalled):
        asked([*BEGUN, Hang()], [b"x"], n=2)


def test_an_inner_fallback_that_was_resumed_resumes_from_the_whole() -> None:
    """Fallbacks nest: the inner one starts from what the outer one's first target had delivered."""
    graph = {
        "outer": {"fallback": ["dense", "inner"], "resume": True},
        "inner": {"fallback": ["moe", "distilled"], "resume": True},
    }
    transport = Scripted(
        {
            "dense": [*BEGUN, EngineFailed("died")],
            "moe": [part("moe", "three ", (9,), head=True), EngineFailed("died")],
            "distilled": [part("distilled", "four", (4,), head=True, end=True)],
        }
    )
    leap(collect(compiled(graph, transport)["outer"], chat(stream=True)))
    assert transport.seen[2][0].resume == Resume(model="moe", text="one two three ", ids=())


@pytest.mark.parametrize("fault", ["die_after_tokens", "hang_after_tokens"])
async def test_a_client_gets_one_answer_and_one_bill(fault: str) -> None:
    """Over real batches: the text of an undisturbed run, one usage of all tokens, the model's name in the chunks."""
    graph = {"f": {"fallback": ["dense", "moe"], "resume": True, "timeout": {"between_tokens": "300ms"}}}
    body = ask("count to ten", model="f", stream=True, max_tokens=20, stream_options={"include_usage": True})
    quick = {"step": {"base_ms": 0, "per_sequence_us": 0, "per_prefill_token_us": 0}}
    dying = SyntheticSpec.model_validate({**quick, "faults": {fault: 8}})
    async with engines(dense=dying) as transport:
        served = gateway(transport, graph=graph, default="f")
        async with client(served) as calls:
            broken = (await calls.post("/v1/chat/completions", json=body)).text
            undisturbed = (await calls.post("/v1/chat/completions", json={**body, "model": "moe"})).text
            metrics = exposition(served.metrics).decode()
    assert broken.count(": tercet ") == 1
    assert broken.count("[DONE]") == 1
    chunks, alone = events(broken), events(undisturbed)
    assert said(chunks) == said(alone)
    assert chunks[-1]["usage"] == alone[-1]["usage"]
    assert {chunk["model"] for chunk in chunks} == {"dense", "moe"}
    # Both answers end at the same pool, and each of their tokens is counted once.
    assert 'tercet_tokens_total{kind="completion",model="moe"} 40.0' in metrics
    assert 'tercet_tokens_total{kind="completion",model="dense"}' not in metrics


def events(stream: str) -> list[dict[str, object]]:
    lines = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: {")]
    return [msgspec.json.decode(line) for line in lines]


def said(chunks: list[dict[str, object]]) -> str:
    return "".join(
        choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]  # type: ignore[attr-defined]
    )  # fmt: skip
