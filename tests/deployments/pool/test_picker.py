"""Which replica a prompt is said to be warm on: only where its own tenant has sent it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from deployments.pool.link import Link
from deployments.pool.picker import SESSION_HEADER, Picker
from deployments.pool.wire import Load
from deployments.request import Context
from deployments.signals import ReplicaPlace
from deployments.standing import ALONE, Standing
from tests.deployments.scripted import chat, context

ACME, BETA = Standing(prefixes="tenant acme"), Standing(prefixes="tenant beta")
LONG = "The minutes of the board's meeting say: " * 60
NAMES = [f"dense#{number}" for number in range(4)]


class Idle:
    """A link to a replica that has nothing to do."""

    def __init__(self, name: str) -> None:
        self.place, self.load = ReplicaPlace(replica=name, address=""), Load(limit=8, kv_tokens=65_536)
        self.in_flight = self.unbegun = 0


def picked(picker: Picker, links: list[Any], standing: Standing, **asked: Any) -> str:
    session = asked.pop("session", None)
    headers = {} if session is None else {SESSION_HEADER: session}
    told: Context = context(standing=standing, headers=headers)
    return picker.pick(cast("list[Link]", links), chat(LONG, **asked), told).place.replica


def warmest(first: Standing, second: Standing, **asked: Any) -> bool:
    """Say whether *second* is sent to where *first* was, although a place on another replica is just as free.

    The order of equals differs by tenant, so whoever follows is given the other replicas and a busier one of these.
    """
    picker, links = Picker(), [Idle(name) for name in NAMES]
    warm = picked(picker, links, first, **asked)
    for link in links:
        # Warmth is worth this place; without it the others are less busy.
        link.in_flight = int(link.place.replica == warm)
    return picked(picker, links, second, **asked) == warm


@pytest.mark.parametrize("asked", [{}, {"cache_salt": "mine"}, {"session": "s1"}])
def test_only_one_s_own_prompts_are_warm(asked: dict[str, Any]) -> None:
    """Neither the prompt nor the session's name of another tenant draws a request to its replica."""
    for one, other in ((ACME, BETA), (BETA, ACME), (ACME, ALONE), (ALONE, ACME)):
        assert warmest(one, one, **asked)
        assert not warmest(one, other, **asked)


def test_a_client_s_salt_is_part_of_the_name() -> None:
    """What the engine keeps apart is not warm for the other."""
    picker, links = Picker(), [Idle(name) for name in NAMES]
    warm = picked(picker, links, ACME, cache_salt="a")
    for link in links:
        link.in_flight = int(link.place.replica == warm)
    assert picked(picker, links, ACME, cache_salt="b") != warm
    assert picked(picker, links, ACME, cache_salt="a") == warm
