"""What crosses between gateway and replica arrives as it was sent."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from deployments.errors import ServingError, all_errors
from deployments.pool.wire import call_of, context_of, error_of, failure_of
from deployments.request import Context, Frame, Head, Request

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def context(deadline_s: float) -> Context:
    return Context(
        request_id="r", deadline_s=deadline_s, now=NOW, tenant="t", headers={"a": "b"}, path=("auto", "dense")
    )


def test_the_deadline_travels_as_time_left() -> None:
    """Two machines' monotonic clocks have nothing in common; the time left has."""
    call = call_of(Request(endpoint="chat", model="m", body={}), context(107.0), now_s=100.0)
    assert call.remaining_s == pytest.approx(7.0)
    there = context_of(call, now_s=5000.0)
    assert there.deadline_s == pytest.approx(5007.0)
    assert (there.request_id, there.tenant, there.headers, there.path) == ("r", "t", {"a": "b"}, ("auto", "dense"))


def test_a_deadline_that_has_passed_is_no_time_rather_than_negative_time() -> None:
    """A late request arrives with nothing left."""
    assert call_of(Request(endpoint="chat", model="m", body={}), context(1.0), now_s=9.0).remaining_s == 0.0


@pytest.mark.parametrize("kind", list(all_errors()))
def test_every_error_comes_back_as_itself(kind: type[ServingError]) -> None:
    """Kind, message, field and advice survive the wire and pickling."""
    sent = kind("why", param="max_tokens", retry_after_s=2.0)
    for back in (error_of(pickle.loads(pickle.dumps(failure_of(sent)))), pickle.loads(pickle.dumps(sent))):  # noqa: S301
        assert type(back) is kind
        assert (back.message, back.param, back.retry_after_s, back.code) == ("why", "max_tokens", 2.0, kind.code)


def test_frames_survive_pickling() -> None:
    """The replica's frames reach the gateway unchanged."""
    frame = Frame(
        data=b"data: {}\n\n", text="a", tokens=1, head=Head(model="dense", path=("dense",), engine_ttft_s=0.1)
    )
    assert pickle.loads(pickle.dumps(frame)) == frame  # noqa: S301


def test_error_codes_are_unique() -> None:
    """A code names one kind of error: it is a wire value and a metric label."""
    codes = [kind.code for kind in all_errors()]
    assert len(codes) == len(set(codes))
