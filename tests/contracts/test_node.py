"""What every graph node owes to whoever calls it, whichever kind it is."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from deployments.errors import ContextTooLong, EngineFailed, Invalid
from deployments.graph.node import Node
from deployments.layers.deadline import deadline
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Scripted, chat, collect, compiled, context

GRAPH: dict[str, Any] = {
    "switch": {"switch": [{"when": {"task": "code"}, "to": "moe"}, {"to": "dense"}]},
    "fallback": {"fallback": ["dense", "moe"], "timeout": {"first_token": 5}},
    "nested": {"switch": [{"to": "inner"}]},
    "inner": {"fallback": ["switch", "moe"]},
    "longform": {"longform": "dense", "polish": "moe"},
    "transform": {"transform": "dense", "system": "Be brief."},
    "coalesce": {"coalesce": "dense", "any": True},
    "cache": {"cache": "dense", "any": True},
    "admission": {"admission": "dense", "concurrent": 1, "queue": 0},
    "batch": {"batch": "dense"},
    "brown-out": {"brown-out": "dense", "to": "moe"},
    "redact": {"redact": "dense"},
    "guard": {"guard": "dense", "input": [{"injection": True}]},
}
NAMES = [
    "dense", "switch", "fallback", "nested", "longform", "transform", "coalesce", "cache", "admission", "batch",
    "brown-out", "deadline", "redact", "guard",
]  # fmt: skip


def build(name: str, transport: Scripted) -> Node:
    nodes = compiled(GRAPH, transport)
    return deadline(lambda: 0.0)(nodes["dense"]) if name == "deadline" else nodes[name]


def played(*acts: Act) -> Scripted:
    return Scripted({"dense": acts, "moe": [Invalid("moe must not be asked")]})


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_only_the_first_frame_has_a_head(name: str) -> None:
    """The first frame says who answers, through which nodes, below those already entered; no later one does."""
    frames = leap(collect(build(name, played(b"a", b"b")), ctx=context(path=("outer",))))
    head = frames[0].head
    assert head is not None
    assert head.path[0] == "outer"
    assert head.path[-1] == head.model == "dense"
    assert [frame.head for frame in frames[1:]] == [None]


def test_data_goes_through_unchanged_and_in_order(name: str) -> None:
    """Nodes relay bytes; they neither merge, drop nor reorder them."""
    frames = leap(collect(build(name, played(b"a", b"b", b"c"))))
    assert [frame.data for frame in frames] == [b"a", b"b", b"c"]


def test_closing_closes_everything_below(name: str) -> None:
    """A caller that closes the stream early has ended the pool's stream by the time close returns."""
    transport = played(b"a", Hang())

    async def read_one() -> None:
        async with aclosing(build(name, transport)(chat(), context())) as frames:  # type: ignore[type-var]
            await anext(frames)
        assert transport.log == ["open dense", "close dense"]

    leap(read_one())


def test_a_fault_of_the_request_passes_through(name: str) -> None:
    """An Invalid reaches the caller as it was raised, and nobody else is asked."""
    error = ContextTooLong("too long", param="messages")
    with pytest.raises(ContextTooLong) as caught:
        leap(collect(build(name, played(error))))
    assert caught.value is error


def test_an_error_after_data_passes_through(name: str) -> None:
    """Once data was delivered, an engine's failure is the caller's to report."""
    error = EngineFailed("died")
    with pytest.raises(EngineFailed) as caught:
        leap(collect(build(name, played(b"a", error))))
    assert caught.value is error


def test_a_timeout_of_something_else_is_not_taken_for_ones_own(name: str) -> None:
    """A node that limits waits tells its own limit from a TimeoutError that came from below."""
    error = TimeoutError("a socket's")
    with pytest.raises(TimeoutError) as caught:
        leap(collect(build(name, played(error))))
    assert caught.value is error


def test_the_request_is_not_changed(name: str) -> None:
    """What the caller passed is what it still has; the pool sees its own name as the model."""
    transport, request = played(b"a"), chat(model="whatever")
    before = dict(request.body)
    leap(collect(build(name, transport), request))
    assert request.body == before
    assert transport.seen[0][0].body["model"] == transport.seen[0][0].model == "dense"
