"""Scaling is seen and steered over HTTP only by who holds the token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from deployments.gateway.app import build_app
from deployments.gateway.gateway import Gateway
from tests.deployments.gateway.building import EngineTransport, gateway

TOKEN = "correct-horse-battery-staple"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@dataclass
class Recorded:
    """Takes orders, and refuses with what the test wants said."""

    refused: str = ""
    orders: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    async def explain(self, pool: str) -> dict[str, Any]:
        known: dict[str, dict[str, Any]] = {"": {"mode": "approve"}, "dense": {"pool": "dense", "target": 2}}
        return known.get(pool, {})

    async def order(self, action: str, fields: Mapping[str, Any]) -> str:
        self.orders.append((action, fields))
        return self.refused


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    monkeypatch.setenv("TERCET_TEST_TOKEN", TOKEN)
    models = {"dense": {"family": "dense"}}
    return gateway(
        EngineTransport({}), models=models, graph={}, default="dense", admin={"token_env": "TERCET_TEST_TOKEN"}
    )


async def ask(
    served: Gateway,
    admin: Recorded,
    path: str,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    transport = httpx.ASGITransport(app=build_app(served, scaling=admin))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as calls:
        sent = BEARER if headers is None else headers
        if body is None:
            return await calls.get(f"/admin/{path}", headers=sent)
        return await calls.post(f"/admin/{path}", json=body, headers=sent)


async def test_whoever_holds_the_token_is_told_how_pools_are_and_why(served: Gateway) -> None:
    """All of them, or one; one that is not there is not found."""
    assert (await ask(served, Recorded(), "scale")).json() == {"mode": "approve"}
    assert (await ask(served, Recorded(), "scale/dense")).json() == {"pool": "dense", "target": 2}
    assert (await ask(served, Recorded(), "scale/moe")).status_code == 404


@pytest.mark.parametrize(
    ("action", "body", "fields"),
    [
        ("approve", {"id": "ab12"}, {"id": "ab12"}),
        ("reject", {"id": "ab12"}, {"id": "ab12"}),
        ("unpin", {"pool": "dense"}, {"pool": "dense"}),
        (
            "pin",
            {"pool": "dense", "replicas": 3, "for": "2h", "why": "launch"},
            {"pool": "dense", "replicas": 3, "for_s": 7200.0, "why": "launch"},
        ),
    ],
)
async def test_orders_reach_the_controller_in_its_own_units(
    served: Gateway, action: str, body: dict[str, Any], fields: dict[str, Any]
) -> None:
    """And the answer repeats what was done."""
    admin = Recorded()
    answer = await ask(served, admin, f"scale/{action}", body)
    assert (answer.status_code, answer.json()) == (200, {"done": action, **fields})
    assert admin.orders == [(action, fields)]


@pytest.mark.parametrize(
    ("action", "body", "param"),
    [
        ("approve", {}, "id"),
        ("pin", {"pool": "dense", "replicas": -1, "for": "2h", "why": "x"}, "replicas"),
        ("pin", {"pool": "dense", "replicas": 1, "for": "soon", "why": "x"}, "for"),
        ("pin", {"pool": "dense", "replicas": 1, "for": "1h"}, "why"),
        ("unpin", {"pool": 3}, "pool"),
    ],
)
async def test_a_wrong_order_names_its_field_and_goes_nowhere(
    served: Gateway, action: str, body: dict[str, Any], param: str
) -> None:
    """Before the controller is asked."""
    admin = Recorded()
    answer = await ask(served, admin, f"scale/{action}", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert admin.orders == []


async def test_what_the_controller_refuses_is_passed_on(served: Gateway) -> None:
    """In its own words."""
    answer = await ask(served, Recorded(refused="dense is not pinned"), "scale/unpin", {"pool": "dense"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "dense is not pinned")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}])
async def test_nobody_else_sees_or_steers_anything(served: Gateway, headers: dict[str, str]) -> None:
    """Neither route says more than that a token is needed."""
    admin = Recorded()
    assert (await ask(served, admin, "scale", headers=headers)).status_code == 401
    assert (await ask(served, admin, "scale/approve", {"id": "a"}, headers=headers)).status_code == 401
    assert admin.orders == []
