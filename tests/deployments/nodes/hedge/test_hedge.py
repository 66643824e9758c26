"""hedge: when another branch joins, who wins, and what becomes of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.errors import DeadlineExceeded, EngineFailed, Invalid, NoReplica, Overloaded, ServingError
from deployments.layers.deadline import deadline
from deployments.nodes.hedge.kind import HedgeSpec
from deployments.request import Frame, Head
from tests.deployments.gateway.building import ask, client, engines, gateway, until
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context
from tests.deployments.turns import Turns

ALL = {"after": "800ms", "at_most": "100%"}


def hedged(dense: Sequence[Act], moe: Sequence[Act], **options: Any) -> tuple[Scripted, list[bytes], Head]:
    transport = Scripted({"dense": dense, "moe": moe})
    frames = leap(collect(compiled({"h": {"hedge": ["dense", "moe"], **ALL, **options}}, transport)["h"]))
    assert frames[0].head is not None
    return transport, [frame.data for frame in frames], frames[0].head


def test_a_first_target_that_is_quick_is_alone() -> None:
    """Nobody else is asked, and the rest of the answer may take its time."""
    transport, data, head = hedged([Pause(0.7), b"a", Pause(60), b"b"], [b"c"])
    assert data == [b"a", b"b"]
    assert transport.log == ["open dense", "close dense"]
    assert (head.path, head.notes["hedge"]) == (("h", "dense"), "dense first")


def test_a_second_one_joins_and_wins() -> None:
    """The slow one is closed at the first token of the other, not at its end."""
    transport, data, head = hedged([Pause(5), b"a"], [Pause(1), b"c", Pause(60), b"d"])
    assert data == [b"c", b"d"]
    assert transport.log == ["open dense", "open moe", "close dense", "close moe"]
    assert (head.path, head.notes["hedge"]) == (("h", "moe"), "moe first; moe joined after 800 ms")


def test_the_first_one_may_still_win() -> None:
    """Joining costs a call, not the answer that was nearly there."""
    transport, data, head = hedged([Pause(1), b"a", Pause(60), b"b"], [Pause(1), b"c"])
    assert data == [b"a", b"b"]
    assert transport.log == ["open dense", "open moe", "close moe", "close dense"]
    assert head.notes["hedge"] == "dense first; moe joined after 800 ms"


def test_the_branches_are_different_calls() -> None:
    """An engine knows them apart although both are of one request and may be in one pool."""
    transport = Scripted({"dense": Turns([Hang()], [b"b"])})
    leap(collect(compiled({"h": {"hedge": ["dense", "dense"], **ALL}}, transport)["h"]))
    first, second = (seen.call_id for _, seen in transport.seen)
    assert (first, second) == ("r1", "r1.h-1")


def test_after_nothing_it_is_a_race() -> None:
    """All start at once, for every request unless the config says less."""
    transport, data, head = hedged([Pause(1), b"a"], [b"c"], after="0s", at_most=None)
    assert data == [b"c"]
    assert transport.log[:2] == ["open dense", "open moe"]
    assert head.notes["hedge"] == "moe first; moe joined after 0 ms"


def test_a_third_joins_later() -> None:
    """One more after each wait."""
    transport = Scripted({"dense": [Hang()], "moe": [Hang()], "distilled": [b"c"]})

    async def timed() -> float:
        await collect(compiled({"h": {"hedge": ["dense", "moe", "distilled"], **ALL}}, transport)["h"])
        return asyncio.get_running_loop().time()

    assert leap(timed()) == pytest.approx(1.6)


@pytest.mark.parametrize("error", [EngineFailed("died"), Overloaded("full"), ServingError("?")])
def test_an_error_leaves_the_other_branch(error: ServingError) -> None:
    """One that failed is not the race's end."""
    _, data, head = hedged([Pause(1), error], [Pause(3), b"c"])
    assert data == [b"c"]
    assert head.notes["hedge"] == f"moe first; moe joined after 800 ms; dense failed: {error.code}"


def test_a_first_target_that_fails_is_replaced_at_once() -> None:
    """That is no double work, so it waits for nothing and costs no allowance."""
    transport, data, head = hedged([NoReplica("none")], [b"c"], after="10s", at_most="1%")
    assert data == [b"c"]
    assert head.path == ("h", "dense!no_replica", "moe")
    assert transport.log == ["open dense", "close dense", "open moe", "close moe"]


def test_a_wrong_request_ends_all_branches() -> None:
    """What is wrong everywhere needs no second opinion."""
    transport = Scripted({"dense": [Pause(1), Invalid("bad")], "moe": [Hang()]})
    with pytest.raises(Invalid, match=r"^bad$"):
        leap(collect(compiled({"h": {"hedge": ["dense", "moe"], **ALL}}, transport)["h"]))
    assert transport.log[-1] == "close moe"


def test_when_all_fail_the_client_learns_of_each() -> None:
    """As after a fallback."""
    with pytest.raises(Overloaded, match="dense!engine_failed: died; moe!pool_overloaded: full"):
        hedged([EngineFailed("died")], [Overloaded("full")])


def test_an_error_after_the_decision_is_the_answers_end() -> None:
    """The losers are gone by then."""
    with pytest.raises(EngineFailed, match=r"^died$"):
        hedged([b"a", EngineFailed("died")], [b"c"])


def test_a_winner_without_data_is_replaced() -> None:
    """That it has a first token ends the race, but nobody has got anything yet: the one that lost is asked anew."""
    transport, data, _ = hedged([b"", Pause(1), EngineFailed("died")], [Pause(0.5), b"c"], after=0)
    assert data == [b"", b"c"]
    assert transport.log == ["open dense", "open moe", "close moe", "close dense", "open moe", "close moe"]
    assert [seen.call_id for _, seen in transport.seen] == ["r1", "r1.h-1", "r1.h-2"]


def test_a_winner_without_data_is_replaced_by_a_race() -> None:
    """Those that lost and those that never began race again, and the path and the note tell of what was lost."""
    transport = Scripted({
        "dense": [Pause(5), b"a"],
        "moe": [b"", Pause(1), EngineFailed("died")],
        "distilled": [Pause(0.1), b"c", Pause(60), b"d"],
    })  # fmt: skip
    frames = leap(collect(compiled({"h": {"hedge": ["dense", "moe", "distilled"], **ALL}}, transport)["h"]))
    assert [frame.data for frame in frames] == [b"", b"c", b"d"]
    head = frames[1].head
    assert head is not None
    assert head.path == ("h", "moe!engine_failed", "distilled")
    assert head.notes["hedge"].startswith("distilled first; moe joined after 800 ms; moe failed: engine_failed")
    assert transport.log[-1] == "close distilled"


@pytest.mark.parametrize("error", [EngineFailed("died"), NoReplica("none")])
def test_when_all_fail_before_data_the_client_learns_of_each(error: ServingError) -> None:
    """Nobody is asked again who has failed."""
    with pytest.raises(type(error), match=f"dense!engine_failed: lost; moe!{error.code}"):
        hedged([b"", Pause(1), EngineFailed("lost")], [Pause(0.5), b"", error], after=0)


@pytest.mark.parametrize("error", [Invalid("bad"), ServingError("?")])
def test_what_another_target_could_not_mend_ends_a_winner_without_data(error: ServingError) -> None:
    """As it does before the race is decided."""
    with pytest.raises(type(error)) as caught:
        hedged([b"", error], [Pause(1), b"c"], after=0)
    assert caught.value is error


def test_the_deadline_ends_all_branches() -> None:
    """Nothing goes on after the request."""
    transport = Scripted({"dense": [Hang()], "moe": [Hang()]})
    node = compiled({"h": {"hedge": ["dense", "moe"], **ALL}}, transport)["h"]
    with pytest.raises(DeadlineExceeded):
        leap(collect(deadline(lambda: 0.0)(node), chat(), context(deadline_s=3.0)))
    assert sorted(transport.log) == ["close dense", "close moe", "open dense", "open moe"]


def test_a_client_that_leaves_takes_all_branches_along() -> None:
    """Both while they race and while the winner speaks; the node's stream is closed only when all are."""
    transport = Scripted({"dense": [Hang()], "moe": [Pause(1), b"a", Hang()]})
    node = compiled({"h": {"hedge": ["dense", "moe"], **ALL}}, transport)["h"]

    async def leaves(after_s: float) -> list[str]:
        transport.log.clear()
        task = asyncio.create_task(collect(node))
        await asyncio.sleep(after_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return sorted(transport.log)

    async def closes() -> list[str]:
        transport.log.clear()
        async with aclosing(node(chat(), context())) as frames:  # type: ignore[type-var]
            await anext(frames)
        return sorted(transport.log)

    everything = ["close dense", "close moe", "open dense", "open moe"]
    assert leap(leaves(1.0)) == leap(leaves(5.0)) == leap(closes()) == everything


def test_no_more_than_a_share_is_hedged() -> None:
    """When everything is slow the extra work stays at the cap, and the note says why nobody joined."""
    transport = Scripted({"dense": [Pause(2), b"a"], "moe": [b"c"]})
    node = compiled({"h": {"hedge": ["dense", "moe"], "after": "1s", "at_most": "10%"}}, transport)["h"]

    async def story() -> list[Head | None]:
        return [(await collect(node))[0].head for _ in range(100)]

    heads = leap(story())
    assert transport.log.count("open moe") == 10
    assert heads[-2] is not None
    assert heads[-2].notes["hedge"] == "dense first; no other joined: at most 10% may"


def test_learns_how_long_the_first_target_usually_takes() -> None:
    """Nobody joins before a quantile is known; then the slowest are hedged, and what is known outlives the graph."""
    usual = [[Pause(0.1 + 0.01 * at), b"a"] for at in range(20)]
    transport, memory = Scripted({"dense": Turns(*usual, [Pause(9), b"a"]), "moe": [b"c"]}), dict[str, object]()
    graph = {"h": {"hedge": ["dense", "moe"], "after": "p95", "at_most": "100%"}}

    async def story() -> list[str]:
        notes = []
        for _ in range(21):
            node = compiled(graph, transport, memory=memory)["h"]
            head = (await collect(node))[0].head
            assert head is not None
            notes.append(head.notes["hedge"])
        return notes

    notes = leap(story())
    assert notes[0] == "dense first; learning p95: 0 of 20 first tokens seen"
    assert notes[19] == "dense first; learning p95: 19 of 20 first tokens seen"
    assert notes[20] == "moe first; moe joined after p95, 280 ms"


def test_the_slow_ones_that_lost_are_remembered_as_slow() -> None:
    """Left out, each hedge would lower the quantile and so bring about the next: a fifth stays a fifth."""
    waits: list[list[Act]] = [[Pause(0.1 + (at * 37 % 100) / 100), b"a"] for at in range(500)]
    transport = Scripted({"dense": Turns(*waits), "moe": [b"c"]})
    node = compiled({"h": {"hedge": ["dense", "moe"], "after": "p80", "at_most": "100%"}}, transport)["h"]

    async def story() -> None:
        for _ in range(500):
            await collect(node)

    leap(story())
    assert 70 <= transport.log.count("open moe") <= 130


def test_a_circuit_that_is_open_counts_as_a_branch_that_failed() -> None:
    """The next target starts at once; after p95 would be too late."""
    transport = Scripted({"dense": [EngineFailed("died")], "moe": [b"c"]})
    graph = {"h": {"hedge": ["dense", "moe"], "after": "10s", "breaker": {"consecutive": 2}}}
    node = compiled(graph, transport)["h"]

    async def story() -> Head | None:
        for _ in range(2):
            await collect(node)
        return (await collect(node))[0].head

    head = leap(story())
    assert head is not None
    assert head.path == ("h", "dense!circuit_open", "moe")


def test_tokens_of_losers_are_counted() -> None:
    """What two branches say in the same moment is work for which nobody gets to see one of them."""
    hidden: list[tuple[str, int]] = []
    transport = Scripted(
        {"dense": [Pause(1), Frame(data=b"a", tokens=2)], "moe": [Pause(1), Frame(data=b"b", tokens=3)]}
    )
    graph = {"h": {"hedge": ["dense", "moe"], "after": "0s"}}
    frames = leap(collect(compiled(graph, transport, hidden=lambda *told: hidden.append(told))["h"]))
    assert [frame.data for frame in frames] == [b"a"]
    assert hidden == [("h", 3)]


def test_what_one_replica_keeps_is_asked_for_once() -> None:
    """A stored response is nowhere else."""
    transport = Scripted({"dense": [Pause(5), b"a"], "moe": [b"c"]})
    node = compiled({"h": {"hedge": ["dense", "moe"], **ALL}}, transport)["h"]
    assert leap(collect(node, replace(chat(), replica="dense#0")))[0].data == b"a"
    assert transport.log == ["open dense", "close dense"]


@pytest.mark.parametrize("stream", [True, False])
async def test_the_loser_is_aborted_in_its_engine(stream: bool) -> None:
    """Over real batches: its sequence leaves the engine while the winner still speaks, and a header tells."""
    slow = SyntheticSpec.model_validate({"step": {"base_ms": 30_000}})
    async with engines(dense=slow) as transport:
        served = gateway(
            transport, graph={"h": {"hedge": ["dense", "moe"], "after": "50ms", "at_most": 1}}, default="h"
        )
        async with client(served) as calls:
            answer = await calls.post("/v1/chat/completions", json=ask(model="h", stream=stream, max_tokens=8))
        assert answer.status_code == 200
        assert answer.headers["x-tercet-hedge"] == "moe first; moe joined after 50 ms"
        assert answer.headers["x-tercet-path"] == "h>moe"
        await until(lambda: transport.engines["dense"].signals().aborted_total == 1, within_s=1.0)
        assert transport.engines["dense"].signals().running == 0


@pytest.mark.parametrize(
    ("options", "field", "told"),
    [
        ({"hedge": ["dense"]}, "hedge", "add a second"),
        ({"after": "p100"}, "after", "p50 to p99"),
        ({"after": "soon"}, "after", "such as 800ms"),
        ({"at_most": "0%"}, "at_most", "greater than 0"),
        ({"at_most": 5}, "at_most", "between 0% and 100%"),
        ({"afer": "1s"}, "afer", "did you mean after"),
    ],
)
def test_refuses_what_makes_no_sense(options: dict[str, Any], field: str, told: str) -> None:
    """Each by the name of its field, with a way out."""
    with pytest.raises(ValidationError) as caught:
        HedgeSpec.model_validate({"hedge": ["dense", "moe"], **options})
    [line] = caught.value.errors()
    assert ".".join(map(str, line["loc"])) == field
    assert told in line["msg"]
