"""What crosses between gateway and replica arrives as it was sent."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from deployments.errors import Invalid, ServingError, all_errors
from deployments.pool.wire import (
    Batch,
    Cancel,
    Load,
    call_of,
    context_of,
    decode_batch,
    decode_calls,
    encode,
    error_of,
    failure_of,
    packed,
)
from deployments.request import Context, Frame, Head, Request

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def context(deadline_s: float) -> Context:
    return Context(
        request_id="r", deadline_s=deadline_s, now=NOW, tenant="t", headers={"a": "b"}, path=("auto", "dense")
    )


def test_the_deadline_travels_as_time_left() -> None:
    """Two machines' monotonic clocks have nothing in common; the time left has."""
    call = call_of(1, Request(endpoint="chat", model="m", body={}), context(107.0), now_s=100.0)
    assert call.remaining_s == pytest.approx(7.0)
    there = context_of(call, now_s=5000.0)
    assert there.deadline_s == pytest.approx(5007.0)
    assert (there.request_id, there.tenant, there.headers, there.path) == ("r", "t", {"a": "b"}, ("auto", "dense"))


def test_a_deadline_that_has_passed_is_no_time_rather_than_negative_time() -> None:
    """A late request arrives with nothing left."""
    assert call_of(1, Request(endpoint="chat", model="m", body={}), context(1.0), now_s=9.0).remaining_s == 0.0


@pytest.mark.parametrize("kind", list(all_errors()))
def test_every_error_comes_back_as_itself(kind: type[ServingError]) -> None:
    """Kind, message, field and advice survive the wire and pickling."""
    sent = kind("why", param="max_tokens", retry_after_s=2.0)
    batch = decode_batch(encode(Batch(load=Load(), frames={}, ended={7: failure_of(sent)})))
    failure = batch.ended[7]
    assert failure is not None
    for back in (error_of(failure), pickle.loads(pickle.dumps(sent))):  # noqa: S301
        assert type(back) is kind
        assert (back.message, back.param, back.retry_after_s, back.code) == ("why", "max_tokens", 2.0, kind.code)


def test_frames_arrive_as_they_were_sent() -> None:
    """Bytes, fields and times."""
    frame = Frame(
        data=b"data: {}\n\n", text="\u4f60", tokens=1, finish_reason="stop", prompt_tokens=3,
        head=Head(model="dense", path=("auto", "dense"), engine_ttft_s=0.1, replica="r"),
    )  # fmt: skip
    sent = Batch(load=Load(in_flight=3, yours=1, limit=8), frames={1: frame, 2: Frame(data=b"x")}, ended={1: None})
    assert decode_batch(encode(sent)) == sent


def test_calls_arrive_as_they_were_sent() -> None:
    """Whatever JSON can say is passed on; what MessagePack cannot say is the client's to change."""
    body = {"messages": [{"content": "\u4f60"}], "n": None, "x": [1, -2.5, True, {"y": 2**63}], "stop": ["a", ""]}
    request = Request(endpoint="chat", model="m", body=body, stream=True, adapter="a", replica="r")
    sent = [call_of(7, request, context(9.0), now_s=1.0), Cancel(7)]
    assert decode_calls(encode([packed(message) for message in sent])) == sent
    with pytest.raises(Invalid, match="cannot be passed on"):
        packed(call_of(8, Request(endpoint="chat", model="m", body={"seed": 2**70}), context(9.0), now_s=1.0))


def test_error_codes_are_unique() -> None:
    """A code names one kind of error: it is a wire value and a metric label."""
    codes = [kind.code for kind in all_errors()]
    assert len(codes) == len(set(codes))
