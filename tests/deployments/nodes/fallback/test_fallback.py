"""fallback: who is asked after whom, and when no longer."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from deployments.errors import (
    ContextTooLong,
    DeadlineExceeded,
    EngineFailed,
    FirstTokenTimeout,
    Invalid,
    NoReplica,
    Overloaded,
    ServingError,
    Stalled,
    TimedOut,
)  # fmt: skip
from deployments.layers.deadline import deadline
from deployments.nodes.fallback.kind import FallbackSpec
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


@pytest.mark.parametrize("error", [Invalid("bad"), ContextTooLong("long"), ServingError("?"), TimedOut("slow")])
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


def test_a_limit_set_below_is_not_the_requests_own() -> None:
    """Whoever ran out of a time that a node below gave it is a branch that failed, while the request has time left."""
    transport = Scripted({"dense": [Hang()], "moe": [b"b"]})
    graph = {"f": {"fallback": ["d", "moe"]}, "d": {"deadline": "dense", "total": "3s"}}
    frames = leap(collect(compiled(graph, transport)["f"]))
    assert frames[0].head is not None
    assert frames[0].head.path == ("f", "d!deadline_exceeded", "moe")


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


def test_silence_after_the_first_token_moves_on_before_data() -> None:
    """An engine that shows a first token and then hangs is left as one that never began is."""
    transport = Scripted({"dense": [b"", Hang()], "moe": [b"b"]})
    node = compiled({"f": {"fallback": ["dense", "moe"], "timeout": {"between_tokens": "2s"}}}, transport)["f"]
    frames = leap(collect(node, chat(stream=True)))
    assert frames[-1].head is not None
    assert frames[-1].head.path == ("f", "dense!stalled", "moe")


def test_silence_within_an_answer_ends_it() -> None:
    """With data delivered, and nobody to go on with it, the client is told."""
    transport = Scripted({"dense": [b"a", Pause(1.9), b"b", Hang()], "moe": [b"c"]})
    node = compiled({"f": {"fallback": ["dense", "moe"], "timeout": {"between_tokens": "2s"}}}, transport)["f"]
    with pytest.raises(Stalled):
        leap(collect(node, chat(stream=True)))
    assert transport.log == ["open dense", "close dense"]


def test_a_whole_answer_has_no_time_between_tokens() -> None:
    """Between the first token of an answer that is not streamed and its body lies all of the generation."""
    transport = Scripted({"dense": [b"", Pause(60), b"body"], "moe": [b"c"]})
    node = compiled({"f": {"fallback": ["dense", "moe"], "timeout": {"between_tokens": "2s"}}}, transport)["f"]
    assert leap(collect(node))[-1].data == b"body"


def test_one_total_time_for_all_targets() -> None:
    """The second target gets what the first one has left."""
    transport = Scripted({"dense": [Pause(6), EngineFailed("died")], "moe": [Pause(6), b"b"]})
    node = compiled({"f": {"fallback": ["dense", "moe"], "timeout": {"total": "10s"}}}, transport)["f"]

    async def timed() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(DeadlineExceeded):
            await collect(node)
        return loop.time()

    assert leap(timed()) == pytest.approx(10)
    assert transport.log[-1] == "close moe"


@pytest.mark.parametrize(
    ("on", "error", "moves"),
    [
        (["context_length_exceeded"], ContextTooLong("long"), True),
        (["context_length_exceeded"], EngineFailed("died"), False),
        (["rejected"], NoReplica("none"), True),
        (["no_replica"], Overloaded("full"), False),
        (["internal_error"], ServingError("?"), True),
        (["internal_error"], Invalid("bad"), False),
        (["timeout"], FirstTokenTimeout("late"), True),
    ],
)
def test_the_errors_that_move_on_are_configured(on: list[str], error: ServingError, moves: bool) -> None:
    """A code stands for itself and for what is below it in the tree; the root of the tree for itself alone."""
    if moves:
        assert answer([error], [b"b"], on=on)[1] == [b"b"]
    else:
        with pytest.raises(type(error)):
            answer([error], [b"b"], on=on)


@pytest.mark.parametrize(
    ("options", "field", "told"),
    [
        ({"on": ["invalid_request"]}, "on.0", "no reason to move on"),
        ({"on": ["engine_fail"]}, "on.0", "did you mean engine_failed"),
        ({"on": []}, "on", "empty"),
        ({"timeout": {"first_token": "5s", "total": "5s"}}, "timeout.first_token", "not less than total"),
        ({"timeout": {"between_tokens": "9s", "total": "5s"}}, "timeout.between_tokens", "not less than total"),
        ({"retry_budget": {"share": "120%"}}, "retry_budget.share", "between 0% and 100%"),
        ({"breaker": {"probe": 1}}, "breaker.probe", "did you mean probes"),
        ({"resume": "yes"}, "resume", "boolean"),
    ],
)
def test_refuses_what_makes_no_sense(options: dict[str, object], field: str, told: str) -> None:
    """Each by the name of its field, with a way out."""
    with pytest.raises(ValidationError) as caught:
        FallbackSpec.model_validate({"fallback": ["dense", "moe"], **options})
    [line] = caught.value.errors()
    assert ".".join(map(str, line["loc"])) == field
    assert told in line["msg"]
