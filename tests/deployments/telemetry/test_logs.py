"""One line of JSON for each event, with its fields, whichever way it was written in the code."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from deployments.telemetry.logs import bound, event
from tests.logged import captured

log = logging.getLogger("tercet.pool")


def line(write: Any) -> dict[str, Any]:
    with captured() as lines:
        write()
    (found,) = (json.loads(one) for one in lines.getvalue().splitlines())
    assert {"at", "level"} <= set(found)
    return {key: value for key, value in found.items() if key not in {"at", "level"}}


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda: event("request", status=200), {"event": "request", "status": 200}),
        (
            lambda: log.info("link_lost pool=%s replica=%s reason=%s", "dense", "r 0", "a=b, gone"),
            {"event": "link_lost", "pool": "dense", "replica": "r 0", "reason": "a=b, gone"},
        ),
        (
            lambda: log.warning("decision_slow seconds=%.2f pools=%d", 1.5, 3),
            {"event": "decision_slow", "seconds": 1.5, "pools": 3},
        ),
        (
            lambda: log.info('scaling_decided pool="dense" from=1 to=2 reason="4 slots x 0.5 \\"each\\""'),
            {"event": "scaling_decided", "pool": "dense", "from": 1, "to": 2, "reason": '4 slots x 0.5 "each"'},
        ),
        (lambda: log.error("policy_gone advising=only"), {"event": "policy_gone", "advising": "only"}),
        (lambda: log.info("mailbox of pool %s failed", "dense"), {"event": "mailbox of pool dense failed"}),
        (lambda: log.info("seen %d of %s", 3, {"a": 1}), {"event": "seen 3 of {'a': 1}"}),
    ],
)
def test_every_form_becomes_fields(write: Any, told: dict[str, Any]) -> None:
    """Numbers stay numbers; what has no such form is the event's name as it is."""
    assert line(write) == told


async def test_what_is_bound_is_on_every_line_of_its_tasks() -> None:
    """And on none of another request's beside it."""

    async def request(name: str) -> None:
        with bound(request_id=name):
            await asyncio.sleep(0)
            await asyncio.create_task(inner())

    async def inner() -> None:
        await asyncio.sleep(0)
        log.info("link_lost pool=%s", "dense")

    with captured() as lines:
        await asyncio.gather(request("a"), request("b"))
        log.info("link_lost pool=%s", "moe")
    found = [json.loads(one) for one in lines.getvalue().splitlines()]
    assert sorted((one.get("request_id", ""), one["pool"]) for one in found) == [
        ("", "moe"), ("a", "dense"), ("b", "dense"),
    ]  # fmt: skip


def test_a_traceback_stays_on_the_line() -> None:
    """One event is one line, whatever it holds."""

    def fail() -> None:
        log.error("call_crashed request=%s", "r1", exc_info=ValueError("first\nsecond"))

    found = line(fail)
    assert (found["event"], found["request"]) == ("call_crashed", "r1")
    assert "ValueError: first\nsecond" in found["traceback"]
