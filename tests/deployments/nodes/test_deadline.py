"""deadline: less time than the request has, never more."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from deployments.errors import DeadlineExceeded, FirstTokenTimeout, ServingError
from deployments.layers.deadline import deadline
from deployments.nodes.deadline import DeadlineSpec
from tests.deployments.leap import leap
from tests.deployments.scripted import Act, Hang, Pause, Scripted, chat, collect, compiled, context


def ended(acts: list[Act], own_s: float = 1e9, **limits: str) -> tuple[str, float, Scripted]:
    """Return how a request ended and after how long, the request itself having *own_s* seconds."""
    transport = Scripted({"dense": acts})
    node = compiled({"d": {"deadline": "dense", **limits}}, transport)["d"]

    async def story() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        try:
            await collect(deadline(loop.time)(node), chat(), context(deadline_s=own_s))
        except ServingError as error:
            return error.code, loop.time()
        return "ok", loop.time()

    return *leap(story()), transport


def test_ends_what_takes_too_long_in_all() -> None:
    """However much it has said; and nothing goes on below."""
    code, after_s, transport = ended([b"a", Pause(2), b"b", Hang()], total="3s")
    assert (code, after_s) == (DeadlineExceeded.code, pytest.approx(3))
    assert transport.log == ["open dense", "close dense"]


def test_ends_what_begins_too_late() -> None:
    """Only the first token has that limit."""
    assert ended([Hang()], first_token="2s")[:2] == (FirstTokenTimeout.code, pytest.approx(2))
    assert ended([Pause(1.9), b"a", Pause(60), b"b"], first_token="2s")[0] == "ok"


def test_never_loosens() -> None:
    """The request's own time is over first."""
    assert ended([Hang()], own_s=1.0, total="3s")[:2] == (DeadlineExceeded.code, pytest.approx(1))


def test_everything_below_knows_the_time_that_it_has() -> None:
    """Whoever waits or queues further down reads it from the context."""
    transport = ended([b"a"], own_s=100, total="3s")[2]
    assert transport.seen[0][1].deadline_s == pytest.approx(3)
    assert transport.seen[0][1].path == ("d", "dense")
    assert ended([b"a"], own_s=2, total="3s")[2].seen[0][1].deadline_s == pytest.approx(2)


@pytest.mark.parametrize(
    ("limits", "field", "told"),
    [
        ({}, "", "bounds nothing"),
        ({"total": "3s", "first_token": "5s"}, "first_token", "not less than total"),
        ({"total": "0s"}, "total", "greater than 0"),
        ({"totl": "3s"}, "totl", "did you mean total"),
    ],
)
def test_refuses_what_makes_no_sense(limits: dict[str, str], field: str, told: str) -> None:
    """Each by the name of its field."""
    with pytest.raises(ValidationError) as caught:
        DeadlineSpec.model_validate({"deadline": "dense", **limits})
    [line] = caught.value.errors()
    assert ".".join(map(str, line["loc"])) == field
    assert told in line["msg"]
