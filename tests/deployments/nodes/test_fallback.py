"""fallback: who is asked after whom, and when no longer."""

from __future__ import annotations

import pytest

from deployments.errors import (
    DeadlineExceeded,
    EngineFailed,
    FirstTokenTimeout,
    Invalid,
    NoReplica,
    Overloaded,
    ServingError,
    TimedOut,
)  # fmt: skip
from deployments.layers.deadline import deadline
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context

LATE = {"first_token": "5s"}


def answer(dense: list[Act], moe: list[Act], **options: object) -> tuple[Scripted, list[bytes], tuple[str, ...]]:
    transport = Scripted({"dense": dense, "moe": moe})
    frames = leap(collect(compiled({"f": {"fallback": ["dense", "moe"], **options}}, transport)["f"]))
    head = next(frame.head for frame in reversed(frames) if frame.head is not None)
    return transport, [frame.data for frame in frames], head.path


@pytest.mark.parametrize("error", [Overloaded("full"), NoReplica("none"), EngineFailed("died")])
def test_moves_on_when_refused_or_broken(error: ServingError) -> None:
    """A branch that could not begin is left, and stays in the path with its error's code."""
    _, data, path = answer([error], [b"b"])
    assert data == [b"b"]
    assert path == ("f", f"dense!{error.code}", "moe")


@pytest.mark.parametrize("error", [Invalid("bad"), DeadlineExceeded("over"), ServingError("?"), TimedOut("slow")])
def test_no_other_error_moves_on(error: ServingError) -> None:
    """What another branch cannot help, or what is not understood, reaches the caller at once."""
    with pytest.raises(type(error)) as caught:
        answer([error], [b"b"])
    assert caught.value is error


def test_a_late_branch_is_closed_before_the_next_one_opens() -> None:
    """No two branches ever run at a time."""
    transport, data, path = answer([Hang()], [b"b"], timeout=LATE)
    assert transport.log == ["open dense", "close dense", "open moe", "close moe"]
    assert (data, path) == ([b"b"], ("f", "dense!first_token_timeout", "moe"))


def test_only_the_first_token_is_timed() -> None:
    """A pause after the first token, however long, is not the timeout's business."""
    assert answer([Pause(4.9), b"a", Pause(60), b"b"], [b"c"], timeout=LATE)[1] == [b"a", b"b"]


def test_a_frame_without_data_ends_the_wait_for_the_first_token() -> None:
    """The early head of an answer that is not streamed counts as its first token."""
    assert answer([Pause(4.9), b"", Pause(60), b"body"], [b"c"], timeout=LATE)[1] == [b"", b"body"]


def test_a_frame_without_data_does_not_commit() -> None:
    """An engine that breaks between the early head and the body is replaced; the later head is the valid one."""
    _, data, path = answer([b"", EngineFailed("died")], [b"", b"body"])
    assert data == [b"", b"", b"body"]
    assert path == ("f", "dense!engine_failed", "moe")


def test_data_commits() -> None:
    """After data was handed up nobody else is asked, whatever happens."""
    transport = Scripted({"dense": [b"a", EngineFailed("died")], "moe": [b"b"]})
    with pytest.raises(EngineFailed, match=r"^died$"):
        leap(collect(compiled({"f": {"fallback": ["dense", "moe"]}}, transport)["f"]))
    assert "open moe" not in transport.log


@pytest.mark.parametrize("acts", [[], [b""]])
def test_an_end_without_data_is_a_failure(acts: list[Act]) -> None:
    """A branch that ends politely and says nothing has not answered."""
    assert answer(acts, [b"b"])[1][-1] == b"b"
    assert answer(acts, [b"b"])[2] == ("f", "dense!engine_failed", "moe")


def test_without_a_timeout_waits_as_long_as_it_takes() -> None:
    """Patience is the default."""
    assert answer([Pause(3600), b"a"], [b"b"])[1] == [b"a"]


def test_the_last_error_wins_and_names_every_attempt() -> None:
    """The caller learns what each target said, and when a retry makes sense."""
    transport = Scripted({"dense": [Overloaded("full", retry_after_s=7)], "moe": [EngineFailed("died")]})
    with pytest.raises(EngineFailed) as caught:
        leap(collect(compiled({"f": {"fallback": ["dense", "moe"]}}, transport)["f"]))
    assert "dense!pool_overloaded: full" in caught.value.message
    assert "moe!engine_failed: died" in caught.value.message
    assert caught.value.retry_after_s == 7


def test_a_fallback_falls_through_one_inside_it() -> None:
    """A nested fallback that is exhausted is one failed attempt of the outer one."""
    transport = Scripted({"dense": [Overloaded("full")], "moe": [Hang()], "distilled": [b"c"]})
    graph = {"f": {"fallback": ["g", "distilled"]}, "g": {"fallback": ["dense", "moe"], "timeout": LATE}}
    frames = leap(collect(compiled(graph, transport)["f"]))
    assert frames[0].head is not None
    assert frames[0].head.path == ("f", "g!first_token_timeout", "distilled")


def test_the_outer_deadline_is_not_taken_for_a_late_branch() -> None:
    """A request whose own time is over asks nobody else, even if the branch was late too."""
    transport = Scripted({"dense": [Hang()], "moe": [b"b"]})
    node = compiled({"f": {"fallback": ["dense", "moe"], "timeout": LATE}}, transport)["f"]
    with pytest.raises(DeadlineExceeded):
        leap(collect(deadline(lambda: 0.0)(node), chat(), context(deadline_s=3.0)))
    assert transport.log == ["open dense", "close dense"]


def test_edges_tell_how_each_attempt_ended() -> None:
    """Observers see one outcome an attempt: an error's code or ok."""
    seen: list[tuple[str, str, str]] = []
    transport = Scripted({"dense": [Overloaded("full")], "moe": [b"b"]})
    nodes = compiled(
        {"f": {"fallback": ["dense", "moe"]}}, transport, observe=lambda *edge: seen.append(edge)
    )  # fmt: skip
    leap(collect(nodes["f"]))
    assert seen == [("f", "dense", "pool_overloaded"), ("f", "moe", "ok")]


def test_first_token_timeout_of_the_last_target_is_reported_as_such() -> None:
    """When every branch is late the client gets a 504, not a refusal."""
    transport = Scripted({"dense": [Hang()], "moe": [Hang()]})
    with pytest.raises(FirstTokenTimeout):
        leap(collect(compiled({"f": {"fallback": ["dense", "moe"], "timeout": LATE}}, transport)["f"]))
