"""brown-out: who is moved, who never is, and what happens where the stand-in cannot."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployments.errors import ContextTooLong, EngineFailed, Invalid, NoReplica
from deployments.graph.capability import EVERYTHING
from deployments.graph.explain import explain
from deployments.graph.spec import dump, parse, parse_graph
from deployments.nodes.brown_out.moved import with_moved
from deployments.request import Head
from deployments.signals import FleetView, PoolDemand, PoolState
from tests.deployments.gateway.building import ask, client, engines, gateway
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Scripted, chat, collect, compiled, context

NODE = {"brown-out": "dense", "to": "distilled"}
SAID = [b"a", b"b"]


def view(share: float, **ready: int) -> FleetView:
    counts = {"dense": 1, "moe": 1, "distilled": 1, **ready}
    pools = {name: PoolState(ready=count, target=1, starting=0) for name, count in counts.items()}
    return FleetView(at_s=0.0, pools=pools, brown_out={"dense": share})


def run(
    node: dict[str, Any],
    told: FleetView | None,
    *,
    pools: dict[str, list[Act]] | None = None,
    request: Any = None,
    wiring: dict[str, Any] | None = None,
    **changed: Any,
) -> Head:
    transport = Scripted({**dict.fromkeys(("dense", "moe", "distilled"), SAID), **(pools or {})})
    nodes = compiled({"n": node}, transport, fleet=lambda: told, **(wiring or {}))
    frames = leap(collect(nodes["n"], request or chat(), context(**changed)))
    heads = [frame.head for frame in frames if frame.head is not None]
    assert [frame.data for frame in frames if frame.data] == SAID
    return heads[-1]


def test_moves_nothing_without_a_share() -> None:
    """At rest, and while nobody has told a share, the pool answers everything and says nothing of it."""
    for told in (None, view(0.0), FleetView(at_s=0.0, pools={})):
        head = run(NODE, told)
        assert head.model == "dense"
        assert "brown-out" not in head.notes


def test_moves_the_share_and_discloses_it() -> None:
    """Of many requests the share is moved, within four standard deviations; the moved ones say to whom."""
    heads = [run(NODE, view(0.3), request_id=f"r{at}") for at in range(1000)]
    moved = [head for head in heads if head.model == "distilled"]
    assert abs(len(moved) - 300) < 4 * (1000 * 0.3 * 0.7) ** 0.5
    assert {head.notes["brown-out"] for head in moved} == {"n=distilled"}
    assert {head.path for head in moved} == {("n", "distilled")}


def test_a_session_stays_where_it_is_while_the_share_shrinks() -> None:
    """A smaller share brings sessions back and moves none that was not moved before."""
    headers = [{"x-session-id": f"s{at}"} for at in range(200)]
    before = [run(NODE, view(0.5), headers=one).model for one in headers]
    after = [run(NODE, view(0.2), headers=one).model for one in headers]
    assert after.count("distilled") < before.count("distilled")
    assert all(old == "distilled" for old, new in zip(before, after, strict=True) if new == "distilled")


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({}, {"headers": {"x-tercet-brown-out": "Never"}}),
        ({"keep_classes": "paid"}, {"group": "paid"}),
        ({"unless": {"tenant": "acme"}}, {"tenant": "acme"}),
        ({"unless": {"has": "tools"}}, {"request": chat(tools=[{"type": "function"}])}),
    ],
)
def test_who_is_never_moved(options: dict[str, Any], changed: dict[str, Any]) -> None:
    """Clients say no by a header, operators by class and by any condition of a switch; all others are moved."""
    assert run({**NODE, **options}, view(1.0), **changed).model == "dense"
    assert run({**NODE, **options}, view(1.0)).model == "distilled"


def test_the_first_stand_in_that_can_take_the_request_takes_it() -> None:
    """One without a ready replica, without the endpoint or without eyes is passed over."""
    node = {"brown-out": "dense", "to": ["distilled", "moe"]}
    assert run(node, view(1.0, distilled=0)).model == "moe"
    assert run(node, view(1.0, distilled=0, moe=0)).model == "dense"

    def gives(name: str) -> frozenset[Any]:
        return EVERYTHING - {"images", "chat"} if name == "distilled" else EVERYTHING - {"images"}

    assert run(node, view(1.0), wiring={"gives": gives}).model == "moe"
    picture = chat()
    picture.body["messages"][0]["content"] = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]  # type: ignore[index]
    assert run(node, view(1.0), wiring={"gives": gives}, request=picture).model == "dense"


@pytest.mark.parametrize(
    "error", [ContextTooLong("too long"), Invalid("no tools"), NoReplica("gone"), EngineFailed("x")]
)
def test_the_pool_answers_after_all_where_the_stand_in_refuses(error: Exception) -> None:
    """A stand-in that has delivered nothing costs nobody an answer, and the path tells."""
    head = run(NODE, view(1.0), pools={"distilled": [error]})
    assert head.model == "dense"
    assert head.path == ("n", f"distilled!{error.code}", "dense")  # type: ignore[attr-defined]


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    """After data the error of the stand-in is the client's."""
    with pytest.raises(EngineFailed):
        run(NODE, view(1.0), pools={"distilled": [b"a", EngineFailed("x")]})


def test_counts_what_was_moved_for_the_controller() -> None:
    """A moved request counts for both pools, one that came back for neither."""
    memory: dict[str, object] = {}
    for at in range(5):
        run(NODE, view(1.0), wiring={"memory": memory}, request_id=f"r{at}")
    run(NODE, view(1.0), wiring={"memory": memory}, pools={"distilled": [NoReplica("gone")]})
    told = with_moved({"distilled": PoolDemand(arrivals_total=7)}, memory)
    assert (told["dense"].moved_total, told["dense"].arrivals_total) == (5, 0)
    assert (told["distilled"].stood_in_total, told["distilled"].arrivals_total) == (5, 7)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"brown-out": "dense"}, "has no stand-in; name one in `to`"),
        ({"brown-out": "dense", "to": "dense"}, "cannot stand in for itself"),
        ({"brown-out": "dense", "to": ["moe", "moe"]}, "already stands in"),
        ({"brown-out": "dense", "to": "moe", "stikcy": "user"}, "did you mean sticky"),
    ],
)
def test_refuses_what_makes_no_sense(written: dict[str, Any], complaint: str) -> None:
    """Each mistake is told with the way out."""
    with pytest.raises(ValidationError, match=complaint):
        parse(written)


def test_survives_being_written_and_read() -> None:
    """What the gateway is sent is what was configured."""
    spec = parse({**NODE, "unless": {"tenant": "acme"}, "keep_classes": ["paid"]})
    assert parse(dump(spec)) == spec


def test_explains_at_which_share_a_request_would_move() -> None:
    """The explanation agrees with the node for every request."""
    graph = parse_graph({"n": NODE})
    for at in range(20):
        here = context(request_id=f"r{at}")
        why = explain(graph, "n", ["dense", "distilled"], chat(), here).step.why[1]
        share = float(why.split()[-2]) / 100
        assert run(NODE, view(min(1.0, share + 0.001)), request_id=f"r{at}").model == "distilled"
        assert run(NODE, view(max(0.0, share - 0.001)), request_id=f"r{at}").model == "dense"


async def test_a_published_share_moves_that_share_of_requests() -> None:
    """Over a whole gateway: the view's share is what moves, the header tells, and the report counts it."""
    told = view(0.4)
    async with engines() as transport:
        served = gateway(transport, lambda: told, graph={"n": NODE}, default="n")
        async with client(served) as calls:
            answers = [await calls.post("/v1/chat/completions", json=ask(max_tokens=1)) for _ in range(200)]
        moved = [answer for answer in answers if answer.headers["x-tercet-model"] == "distilled"]
        assert abs(len(moved) - 80) < 4 * (200 * 0.4 * 0.6) ** 0.5
        assert all(answer.headers["x-tercet-brown-out"] == "n=distilled" for answer in moved)
        assert all("x-tercet-brown-out" not in answer.headers for answer in answers if answer not in moved)
        pools = served.signals(0.0).pools
        assert (pools["dense"].moved_total, pools["distilled"].stood_in_total) == (len(moved), len(moved))
        assert pools["dense"].arrivals_total + len(moved) == len(answers)
        await served.close()
