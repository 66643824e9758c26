"""A tenant that stays local, before a real server: what it is answered, and that nobody else pays for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from deployments.errors import (
    BudgetExhausted,
    EngineFailed,
    Overloaded,
    RateLimited,
    ServingError,
    StaysLocal,
    StoreUnavailable,
    TooManyRequests,
    Withheld,
)
from deployments.nodes.canary.tally import ArmTally
from deployments.nodes.fallback.chain import exhausted
from deployments.nodes.fallback.on import moves_on
from tests.deployments.gateway.building import ask, settings
from tests.deployments.remote.test_edge_to_cloud import REFUSING, Hybrid, edge, hybrid

TENANTS = {"bank": {"stay_local": True}, "shop": {}}
BANK, SHOP = {"x-tenant-id": "bank"}, {"x-tenant-id": "shop"}


@asynccontextmanager
async def staying(graph: dict[str, Any] | None = None, **hybrid_of: Any) -> AsyncIterator[Hybrid]:
    async with hybrid(**hybrid_of) as both:
        changed = edge(both.url) | {"tenants": TENANTS} | ({"graph": graph} if graph else {})
        both.gateway.reconfigure(settings(**changed))
        yield both


def sent_away(both: Hybrid) -> int:
    return both.cloud.engines["dense"].signals().prompt_tokens_total


@pytest.mark.parametrize("stream", [True, False])
async def test_a_fallback_goes_on_to_a_local_model(stream: bool) -> None:
    """Whatever the errors that it otherwise moves on for; the other tenant is answered far away."""
    for options in ({}, {"on": ["engine_failed"]}):
        graph = {"auto": {"fallback": ["cloud", "distilled"], **options}}
        async with staying(graph) as both:
            answer = await both.calls.post("/v1/chat/completions", json=ask(max_tokens=3, stream=stream), headers=BANK)
            assert answer.headers["x-tercet-path"] == "auto>cloud!stays_local>distilled"
            assert sent_away(both) == 0
            answer = await both.calls.post("/v1/chat/completions", json=ask(max_tokens=3, stream=stream), headers=SHOP)
            assert answer.headers["x-tercet-path"] == "auto>cloud"


async def test_a_remote_model_by_its_name_is_refused_and_the_error_says_why() -> None:
    """It is no fault of the model, so that its circuit stays closed for everybody else."""
    async with staying() as both:
        for _ in range(30):
            answer = await both.calls.post("/v1/chat/completions", json=ask(model="cloud"), headers=BANK)
            assert answer.status_code == 403
        error = answer.json()["error"]
        assert (error["code"], error["type"]) == ("stays_local", "permission_error")
        assert "nothing of this tenant goes to models of other servers" in error["message"]
        away = await both.calls.post("/v1/chat/completions", json=ask(model="away", max_tokens=3), headers=BANK)
        assert away.headers["x-tercet-model"] == "distilled"
        assert sent_away(both) == 0
        away = await both.calls.post("/v1/chat/completions", json=ask(model="away", max_tokens=3), headers=SHOP)
        assert away.headers["x-tercet-model"] == "cloud"


async def test_where_the_local_model_is_busy_that_is_the_error() -> None:
    """It may pass, and the client is told to try again."""
    async with staying(local=REFUSING) as both:
        answer = await both.calls.post("/v1/chat/completions", json=ask(), headers=BANK)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "pool_overloaded"
        assert sent_away(both) == 0


@pytest.mark.parametrize(
    "graph",
    [
        {"auto": {"hedge": ["distilled", "cloud"], "after": 0}},
        {"auto": {"hedge": ["cloud", "distilled"], "after": 0}},
        {"auto": {"shadow": "distilled", "to": "cloud"}},
        {"auto": {"cascade": [{"to": "cloud", "accept": {"min_tokens": 1}}, {"to": "distilled"}]}},
        {"auto": {"ensemble": ["cloud", "distilled"], "choose": "vote"}},
    ],
)
async def test_the_ways_that_ask_several_leave_it_out(graph: dict[str, Any]) -> None:
    """The answer is the local model's, and nothing was sent."""
    async with staying(graph) as both:
        answer = await both.calls.post("/v1/chat/completions", json=ask(max_tokens=3), headers=BANK)
        assert (answer.status_code, answer.headers["x-tercet-model"]) == (200, "distilled")
        await both.gateway._background.close()
        assert sent_away(both) == 0


async def test_nothing_is_searched_or_counted_for_it() -> None:
    """A model that takes no personal data, and cannot read this, is left out as any other of another server."""
    async with hybrid() as both:
        graph = {"auto": {"fallback": ["cloud", "distilled"], "on": ["engine_failed"]}}
        changed = edge(both.url, endpoints=["completion"], redact={"action": "block"}) | {"tenants": TENANTS}
        both.gateway.reconfigure(settings(**{**changed, "graph": graph}))
        body = {"model": "auto", "prompt": [1, 2, 3], "max_tokens": 2}
        answer = await both.calls.post("/v1/completions", json=body, headers=BANK)
        assert answer.headers["x-tercet-path"] == "auto>cloud!stays_local>distilled"
        assert "cloud" not in both.gateway._demand.read()
        answer = await both.calls.post("/v1/completions", json=body, headers=SHOP)
        assert answer.headers["x-tercet-path"] == "auto>cloud!withheld>distilled"


def test_a_refusal_is_always_moved_on_from_and_told_last() -> None:
    """An error that may pass is told instead, with its advice."""
    away, busy = StaysLocal("cloud"), TooManyRequests("busy", retry_after_s=3.0)
    assert moves_on(away, ())
    assert moves_on(Withheld("a picture"), ())
    assert not moves_on(EngineFailed("broke"), ())
    told = exhausted([("near", busy), ("cloud", away)])
    assert isinstance(told, TooManyRequests)
    assert told.retry_after_s == 3.0
    assert isinstance(exhausted([("cloud", away)]), StaysLocal)


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        *((theirs, 0) for theirs in (StaysLocal, RateLimited, BudgetExhausted, TooManyRequests)),
        *((theirs, 0) for theirs in (StoreUnavailable, Withheld)),
        *((its_own, 1) for its_own in (EngineFailed, Overloaded)),
    ],
)
def test_it_says_nothing_of_a_canary(error: type[ServingError], failed: int) -> None:
    """A candidate far away is not rolled back because some tenants may not ask it, or have asked too much."""
    tally = ArmTally()
    tally.ended(error.code, None)
    assert tally.read().failed == failed
