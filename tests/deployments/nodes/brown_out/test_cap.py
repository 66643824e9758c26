"""brown-out with a cap: best effort gets shorter answers while capacity is late, and nobody else does."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deployments.graph.explain import explain
from deployments.graph.spec import dump, parse, parse_graph
from deployments.request import Endpoint, Head, Request
from deployments.signals import FleetView
from tests.deployments.gateway.building import ask, client, engines, gateway
from tests.deployments.leap import leap
from tests.deployments.nodes.brown_out.test_brown_out import NODE, view
from tests.deployments.scripted import Scripted, chat, collect, compiled, context

CAPPED = {**NODE, "cap": {"max_tokens": 100, "classes": "batch"}}


def sent(request: Request, told: FleetView | None, *, group: str = "batch") -> tuple[Request, Head]:
    """Return the request that was sent on, and the head that came back."""
    transport = Scripted({"dense": [b"a"], "distilled": [b"a"]})
    nodes = compiled({"n": CAPPED}, transport, fleet=lambda: told)
    frames = leap(collect(nodes["n"], request, context(group=group)))
    heads = [frame.head for frame in frames if frame.head is not None]
    return transport.seen[-1][0], heads[-1]


@pytest.mark.parametrize(
    ("endpoint", "body", "expected", "limit"),
    [
        ("chat", {}, {"max_completion_tokens": 100}, 100),
        ("chat", {"max_tokens": 500}, {"max_tokens": 100}, 100),
        ("chat", {"max_tokens": 5, "max_completion_tokens": 500}, {"max_tokens": 5, "max_completion_tokens": 100}, 100),
        ("chat", {"max_tokens": 500, "min_tokens": 200}, {"max_tokens": 200, "min_tokens": 200}, 200),
        ("completion", {"max_tokens": 500}, {"max_tokens": 100}, 100),
        ("completion", {"min_tokens": 150, "max_tokens": 500}, {"min_tokens": 150, "max_tokens": 150}, 150),
        ("responses", {"max_output_tokens": None}, {"max_output_tokens": 100}, 100),
        ("messages", {"max_tokens": 500, "min_tokens": "odd"}, {"max_tokens": 100, "min_tokens": "odd"}, 100),
    ],
)
@pytest.mark.parametrize("share", [1e-9, 1.0])
def test_a_class_of_best_effort_has_shorter_answers(
    endpoint: Endpoint, body: dict[str, Any], expected: dict[str, Any], limit: int, share: float
) -> None:
    """By the field that the client used, at whoever answers; its head says so."""
    request, head = sent(Request(endpoint=endpoint, model="", body=body), view(share))
    assert request.body == {**expected, "model": head.model}
    assert head.model == ("distilled" if share == 1.0 else "dense")
    assert head.notes["brown-out-max-tokens"] == f"n={limit}"


@pytest.mark.parametrize(
    ("request_", "told", "group"),
    [
        (chat(max_tokens=500), view(0.0), "batch"),
        (chat(max_tokens=500), None, "batch"),
        (chat(max_tokens=500), view(1.0), "paid"),
        (chat(max_tokens=500), view(1.0), ""),
        (chat(max_tokens=100), view(1.0), "batch"),
        (chat(max_tokens=500, min_tokens=500), view(1.0), "batch"),
        (Request(endpoint="completion", model="", body={"prompt": "x"}), view(1.0), "batch"),
        (Request(endpoint="completion", model="", body={"prompt": "x", "max_tokens": None}), view(1.0), "batch"),
        (Request(endpoint="embeddings", model="", body={"input": "x"}), view(1.0), "batch"),
    ],
)
def test_whoever_is_not_capped_is_sent_as_they_asked(request_: Request, told: FleetView | None, group: str) -> None:
    """Without a brown-out, of another class, or content with as little: nothing is changed and nothing is said."""
    request, head = sent(request_, told, group=group)
    assert request.body == {**request_.body, "model": head.model}
    assert "brown-out-max-tokens" not in head.notes


@pytest.mark.parametrize(
    ("cap", "complaint"),
    [
        ({"max_tokens": 0, "classes": "batch"}, "greater than or equal to 1"),
        ({"max_tokens": 100, "classes": []}, "is empty; write at least one entry"),
        ({"max_tokens": 100}, "Field required"),
        ({"max_tokens": 100, "class": "batch"}, "did you mean classes"),
    ],
)
def test_refuses_what_makes_no_sense(cap: dict[str, Any], complaint: str) -> None:
    """Each mistake is told at its place."""
    with pytest.raises(ValidationError, match=complaint):
        parse({**NODE, "cap": cap})


def test_is_written_read_and_explained() -> None:
    """An explanation tells whom it would concern."""
    spec = parse(CAPPED)
    assert parse(dump(spec)) == spec
    told = [
        explain(parse_graph({"n": CAPPED}), "n", ["dense", "distilled"], chat(), context(group=group)).step.why
        for group in ("batch", "paid")
    ]
    assert told[0][-1] == "class batch has at most 100 tokens meanwhile"
    assert not any("meanwhile" in why for why in told[1])


async def test_a_capped_answer_ends_by_its_length() -> None:
    """Over a whole gateway with an admission that tells the classes, and back to the whole answer afterwards."""
    classes = {"batch": {"when": {"tenant": "anonymous"}}, "rest": {}}
    graph = {
        "front": {"admission": "n", "classes": classes},
        "n": {**NODE, "cap": {"max_tokens": 3, "classes": ["batch"]}},
    }
    told = view(1e-9)
    async with engines() as transport:
        served = gateway(transport, lambda: told, graph=graph, default="front")
        async with client(served) as calls:
            short = await calls.post("/v1/chat/completions", json=ask(max_tokens=9))
            told = view(0.0)
            whole = await calls.post("/v1/chat/completions", json=ask(max_tokens=9))
        await served.close()
    assert [answer.json()["usage"]["completion_tokens"] for answer in (short, whole)] == [3, 9]
    assert short.json()["choices"][0]["finish_reason"] == "length"
    assert short.headers["x-tercet-brown-out-max-tokens"] == "n=3"
    assert "x-tercet-brown-out-max-tokens" not in whole.headers
