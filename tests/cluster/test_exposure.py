"""Who is let in where nobody is asked, and where operators are."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from cluster.callers import callers
from cluster.commands.apply import _closed
from cluster.plan import Plan
from cluster.store_obstacle import store_obstacle
from tests.cluster.builders import complaints, document, planned

KEYED = {"access": {"store": {"sqlite": "/var/lib/tercet/a.sqlite"}}, "tenants": {"acme": {}}}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "gateway.example.com"])  # noqa: S104
def test_other_machines_are_let_in_only_on_purpose(host: str) -> None:
    """With keys, or by saying so; the way out is told."""
    (told,) = complaints(document(gateway={"host": host}))
    assert told.startswith(
        f'gateway.host: "{host}" lets other machines in, and nothing says who may call; add `access`'
    )
    assert "`access: {open: true}`" in told
    for way_out in (KEYED, {"access": {"open": True}}):
        assert not planned(document(gateway={"host": host}, **way_out)).gateway.settings["loopback"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_this_machine_alone_needs_no_keys(host: str) -> None:
    """Which is said wherever the plan is shown."""
    settings = planned(document(gateway={"host": host})).gateway.settings
    assert settings["loopback"]
    assert callers(settings) == "whoever is on this machine, and nobody else: no `access` is configured"


@pytest.mark.parametrize(
    ("sections", "told"),
    [
        ({"access": {"open": True}}, "whoever reaches it, without a key: `access` is open"),
        (KEYED, "who shows a key, of 1 tenant; keys and accounts are in /var/lib/tercet/a.sqlite"),
        (
            {
                "access": {
                    "store": {"redis": {"url": "redis://127.0.0.1:6379/0"}},
                    "issuers": [{"issuer": "https://a.com", "audience": "x", "jwks": "https://a.com/k",
                                 "tenant": "acme"}],
                },
                "tenants": {"acme": {}, "other": {}},
            },
            "who shows a key or a token, of 2 tenants; keys and accounts are in redis://127.0.0.1:6379/0",
        ),
    ],
)  # fmt: skip
def test_a_plan_says_who_may_call(sections: dict[str, Any], told: str) -> None:
    """In a line of `tercet check`, and in the greeting of `tercet serve`."""
    assert callers(planned(document(**sections)).gateway.settings) == told


def test_one_port_is_not_for_two() -> None:
    """Not even where neither is written."""
    for gateway in ({"admin": {"port": 8000}}, {"port": 9000, "admin": {"port": 9000}}):
        (told,) = complaints(document(gateway=gateway))
        assert told.startswith("gateway.admin.port: ")
    assert planned(document(gateway={"admin": {"port": 8001}})).gateway.settings["admin"]["port"] == 8001


def test_a_store_that_cannot_be_opened_is_told_before_anything_starts(tmp_path: Path) -> None:
    """By its place: a folder that is not there, a server that does not answer, a secret that is missing."""

    def obstacle(**access: Any) -> str | None:
        return store_obstacle(planned(document(access=access, tenants={"acme": {}})).gateway.settings)

    assert obstacle(store={"sqlite": str(tmp_path / "a.sqlite")}) is None
    for store in ({"sqlite": str(tmp_path / "not" / "there" / "a.sqlite")}, {"redis": {"url": "redis://127.0.0.1:1"}}):
        told = obstacle(store=store)
        assert told is not None
        assert told.startswith("access.store: nobody could be let in")
    told = obstacle(store={"sqlite": str(tmp_path / "a.sqlite")}, keys={"pepper": {"file": str(tmp_path / "none")}})
    assert told is not None
    assert told.startswith("access.keys.pepper: nothing is found")
    assert store_obstacle(planned(document(access={"open": True})).gateway.settings) is None


def test_a_change_that_would_lock_everybody_out_is_not_applied(tmp_path: Path) -> None:
    """A store that does not answer and a taken port of operators are found first; what is the same is not tried."""

    def plan(store: Path, **gateway: Any) -> Plan:
        access = {"store": {"sqlite": str(store / "a.sqlite")}}
        return planned(document(access=access, tenants={"acme": {}}, gateway=gateway))

    good, bad = plan(tmp_path), plan(tmp_path / "not" / "there")
    assert _closed([good], good) is None
    assert _closed([bad], bad) is None
    told = _closed([good], bad)
    assert told is not None
    assert told.startswith("access.store: nobody could be let in")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        taken = plan(tmp_path, admin={"port": port})
        told = _closed([good], taken)
        assert told is not None
        assert told.startswith(f"gateway.admin.port: port {port} on 127.0.0.1 is taken")
        assert _closed([good, taken], taken) is None
    assert _closed([good], taken) is None
