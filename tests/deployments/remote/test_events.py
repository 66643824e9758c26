"""Server-sent events, however they arrive, and the model's name in them."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.errors import EngineFailed
from deployments.remote.events import MOST_BYTES, Events, payload
from deployments.remote.naming import Renaming

STREAM = b"data: a\n\n: note\r\n\r\nevent: x\r\ndata: b\r\ndata:c\r\n\r\ndata: \xf0\x9f\x98\x80\n\nrest"


@given(st.sets(st.integers(0, len(STREAM)), max_size=12))
def test_events_do_not_depend_on_how_the_bytes_were_cut(cuts: set[int]) -> None:
    """And no byte is lost."""
    events = Events()
    at = sorted({0, *cuts, len(STREAM)})
    found = [event for begin, end in pairwise(at) for event in events.feed(STREAM[begin:end])]
    assert [payload(event) for event in found] == [b"a", b"", b"b\nc", "😀".encode()]
    assert b"".join(found) + events.rest == STREAM


def test_an_event_without_an_end_is_given_up() -> None:
    """What is held for one stream is bounded."""
    events = Events()
    events.feed(b"x" * MOST_BYTES)
    with pytest.raises(EngineFailed):
        events.feed(b"x")


@given(st.text(max_size=50), st.text(max_size=50))
def test_only_the_name_changes(model: str, text: str) -> None:
    """Whatever the text says, quotes and keys included."""
    written = {"text": f'"model":"{text}', "model": model, "more": [{"content": text}]}
    data = json.dumps(written).encode()
    assert json.loads(Renaming("cloud")(data)) == {**written, "model": "cloud"}


def test_an_event_without_a_name_passes_as_it_is() -> None:
    """Such as the mark of the end, or a text that looks like a key."""
    renaming = Renaming("cloud")
    for data in (b"data: [DONE]\n\n", json.dumps({"text": '"model": "x"'}).encode(), b'{"model": null}'):
        assert renaming(data) == data
