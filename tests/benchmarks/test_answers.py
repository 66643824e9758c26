"""An answer counts only when the wire shows all of it."""

from __future__ import annotations

import json

import pytest

from benchmarks.answers import read
from benchmarks.event_stream import events_in

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(**fields: object) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def delta(text: str, finish: str | None = None, **more: str) -> bytes:
    return event(choices=[{"index": 0, "delta": {"content": text, **more}, "finish_reason": finish}])


OPENING = delta("", role="assistant")
DONE = b"data: [DONE]\n\n"


def usage(tokens: int) -> bytes:
    return event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": 3 + tokens})


def whole(tokens: int = 3, said: int | None = None) -> list[bytes]:
    """Every event of a sound answer, in pieces as a server would send them."""
    deltas = [delta(f" w{at}", "length" if at == tokens - 1 else None) for at in range(tokens)]
    return [HEAD + chunk(OPENING), *map(chunk, deltas), chunk(usage(said or tokens)) + chunk(DONE) + LAST]


def timed(pieces: list[bytes]) -> list[tuple[float, bytes]]:
    return [(float(at), piece) for at, piece in enumerate(pieces, start=10)]


def test_a_whole_answer_has_its_tokens_at_the_times_they_came() -> None:
    """The opening is no token; the first one is what the time to the first token ends at."""
    answer = read(9.0, timed(whole(3)), tokens=3)
    assert answer.fault == ""
    assert (answer.tokens, answer.events, answer.text) == (3, 3, " w0 w1 w2")
    assert answer.arrivals_s == (11.0, 12.0, 13.0)
    assert answer.ttft_s == 2.0
    assert answer.gaps_s == [1.0, 1.0]


def test_tokens_in_one_read_are_one_arrival() -> None:
    """Coalesced tokens leave a longer gap: they cannot look smooth."""
    opening, one, two, three, end = whole(3)
    answer = read(9.0, timed([opening, one, two + three, end]), tokens=3)
    assert (answer.fault, answer.events, answer.arrivals_s) == ("", 3, (11.0, 12.0))


@pytest.mark.parametrize("cut", range(1, 12))
def test_where_the_socket_cuts_makes_no_difference(cut: int) -> None:
    """Pieces of any size hold the same events."""
    wire = b"".join(whole(3))
    pieces = [wire[at : at + cut] for at in range(0, len(wire), cut)]
    answer = read(0.0, timed(pieces), tokens=3)
    assert (answer.fault, answer.events, answer.tokens) == ("", 3, 3)


def test_an_event_arrives_when_its_end_does() -> None:
    """Half an event is no event."""
    data = chunk(delta("x"))
    times = [at for at, _ in events_in([(1.0, HEAD + data[:20]), (2.0, data[20:]), (3.0, LAST)])]
    assert times == [2.0]


def test_a_token_without_text_counts() -> None:
    """A model that is told to go on after its end produces tokens that show nothing."""
    pieces = [HEAD + chunk(OPENING), chunk(delta("")), chunk(delta("", "length")), chunk(usage(2) + DONE) + LAST]
    assert read(0.0, timed(pieces), tokens=2).fault == ""


@pytest.mark.parametrize(
    ("pieces", "fault"),
    [
        (whole(3)[:-1], "ended before"),
        ([*whole(3)[:-1], chunk(usage(3)) + LAST], "no [DONE]"),
        (whole(3, said=2), "2 tokens instead of 3"),
        (whole(2), "2 tokens instead of 3"),
        ([HEAD + chunk(delta("x", "stop") + usage(3) + DONE) + LAST], "finish_reason 'stop'"),
        ([HEAD + chunk(OPENING + usage(3) + DONE) + LAST], "finish_reason None"),
        ([HEAD + chunk(event(error={"message": "lost"})) + LAST], "an error in the stream"),
        ([HEAD + chunk(DONE + DONE) + LAST], "an event after [DONE]"),
        ([b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy"], "status 503: busy"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"], "not chunked"),
        ([HEAD + b"zz\r\n"], "invalid literal"),
        ([HEAD + chunk(b"data: {broken\n\n") + LAST], "malformed"),
        ([], "no answer"),
    ],
)
def test_what_is_not_whole_does_not_count(pieces: list[bytes], fault: str) -> None:
    """Throughput cannot be had by leaving tokens out."""
    assert fault in read(0.0, timed(pieces), tokens=3).fault
