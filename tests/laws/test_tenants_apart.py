"""What one tenant does leaves no trace in what another is answered, whichever kind of node is between.

Each kind of node is probed as a whole gateway over engines that remember prefixes, in leapt time: the prober's request
is the very one that another tenant has sent before, or is sending, and the answer is held against that of a gateway
which nobody else has asked anything.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from deployments.gateway.gateway import Gateway
from deployments.gateway.settings import GatewaySettings
from deployments.graph.compile import kind_of
from deployments.graph.spec import parse
from deployments.nodes.registry import KINDS
from deployments.signals import FleetView, PoolState
from tests.deployments.leap import leap
from tests.laws.test_fault_matrix import LONG
from tests.laws.world import NOON, POOLS, Told, World, call, canaries, running

WORDS = {"words": ["never said"], "action": "mask"}
NODES: Mapping[str, dict[str, Any]] = {
    "switch": {"switch": [{"when": {"complexity": {"below": 0.3}}, "to": "moe"}, {"to": "dense"}]},
    "fallback": {"fallback": ["dense", "moe"]},
    "hedge": {"hedge": ["dense", "moe"], "after": "10ms", "at_most": 1.0},
    "deadline": {"deadline": "dense", "total": "30s"},
    "cascade": {"cascade": [{"to": "dense", "accept": {"min_tokens": 100}}, {"to": "moe"}]},
    "ensemble": {"ensemble": ["dense", "moe"], "choose": "vote"},
    "split": {"split": {"dense": 1, "moe": 1}},
    "record": {"record": "dense", "share": 1.0},
    "shadow": {"shadow": "moe", "to": "dense", "share": 1.0},
    "canary": {"canary": "dense", "to": "moe", "mirror": {"share": 1.0}},
    "brown-out": {"brown-out": "dense", "to": ["moe"]},
    "coalesce": {"coalesce": "dense", "any": True},
    "cache": {"cache": "dense", "any": True, "stale": "1h"},
    "admission": {"admission": "dense", "concurrent": 4},
    "batch": {"batch": "dense", "max": 4, "wait": "50ms"},
    "longform": LONG,
    "transform": {"transform": "dense", "system": "Be brief."},
    "redact": {"redact": "dense"},
    "guard": {"guard": "dense", "output": [WORDS]},
}
TENANTS = {"acme": {}, "beta": {}}
# Ids and times, and in which order parts came that were done at the same moment.
_ANEW = re.compile(rb'"(id|created|system_fingerprint)":\s*("[^"]*"|\d+),?|: tercet [^\n]*\n\n')
_ITS_OWN = ("x-request-id", "content-length")


@dataclass(frozen=True, slots=True)
class Seen:
    """What an answer shows: to its client, and of how often engines were asked for it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    took_s: float
    calls: Mapping[str, int]


def apart(world: World, name: str) -> Gateway:
    """Return a gateway that knows two tenants."""
    graph = {"probe": NODES[name]}
    settings = GatewaySettings.model_validate({
        "models": {pool: {"family": pool} for pool in POOLS}, "graph": graph, "default": "dense", "tenants": TENANTS,
    })  # fmt: skip
    pools = {pool: PoolState(ready=1, target=1, starting=0) for pool in POOLS}
    view = FleetView(at_s=0.0, pools=pools, canaries=dict(canaries(graph, 0)))
    return Gateway(settings, world, fleet=lambda: view, clock=asyncio.get_running_loop().time, utc_now=lambda: NOON)


async def probed(served: Gateway, name: str, tenant: str, number: int, *, stream: bool) -> Told:
    text = "please count the words " * (60 if name == "longform" else 6)
    headers = {"x-tenant-id": tenant, "x-request-id": f"r{number}"}
    if name == "batch":
        body = {"model": "probe", "prompt": text, "max_tokens": 8, "temperature": 0}
        return await call(served, body, path="/v1/completions", headers=headers)
    messages = [{"role": "user", "content": text}]
    body = {"model": "probe", "messages": messages, "max_tokens": 8, "temperature": 0, "stream": stream}
    return await call(served, body, headers=headers)


def calls_of(world: World) -> dict[str, int]:
    return {name: pool.calls for name, pool in world.pools.items()}


def after(name: str, others: int, *, stream: bool, tenant: str = "acme") -> Seen:
    """Return what the prober sees once *tenant* has asked for the same so many times."""

    async def run() -> Seen:
        async with running({}, prefix_cache=True) as world:
            served = apart(world, name)
            for number in range(others):
                assert (await probed(served, name, tenant, number + 100, stream=stream)).status == 200
            await asyncio.sleep(60)  # what goes on behind an answer has come to its end
            before = calls_of(world)
            told = await probed(served, name, "beta", 1, stream=stream)
            await asyncio.sleep(60)
            made = {pool: count - before[pool] for pool, count in calls_of(world).items()}
            await served.close()
        shown = {name: text for name, text in told.headers.items() if name not in _ITS_OWN}
        return Seen(told.status, shown, _ANEW.sub(b"", told.body), round(told.took_s, 6), made)

    return leap(run())


def test_every_kind_is_probed() -> None:
    """A new one needs a row."""
    assert {kind_of(parse(node)) for node in NODES.values()} == set(KINDS) == set(NODES)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", NODES)
def test_what_another_has_asked_before_changes_nothing(name: str, *, stream: bool) -> None:
    """Neither words nor headers, nor how long it takes, to the microsecond, nor what engines do for it."""
    alone = after(name, 0, stream=stream)
    assert alone.status == 200
    assert after(name, 3, stream=stream) == alone


def test_the_probe_would_see_it() -> None:
    """One's own requests are found again: by the time that the prefixes save, and by the answer that is given again."""
    alone, own = (after("switch", count, stream=True, tenant="beta") for count in (0, 1))
    assert own.took_s < alone.took_s
    assert after("cache", 1, stream=True, tenant="beta").calls == dict.fromkeys(POOLS, 0)


@pytest.mark.parametrize("name", NODES)
def test_what_another_is_asking_is_not_joined(name: str) -> None:
    """Two at once have as much done for them as two that never met, and neither is told of the other."""

    async def run() -> tuple[dict[str, int], list[Told]]:
        async with running({}, prefix_cache=True) as world:
            served = apart(world, name)
            both = [probed(served, name, tenant, at, stream=True) for at, tenant in ((1, "acme"), (1, "beta"))]
            told = list(await asyncio.gather(*both))
            await asyncio.sleep(60)
            made = calls_of(world)
            await served.close()
        return made, told

    made, told = leap(run())
    alone = after(name, 0, stream=True)
    assert {one.status for one in told} == {200}
    assert made == {pool: 2 * count for pool, count in alone.calls.items()}
    for one in told:
        assert {"x-tercet-coalesced", "x-tercet-batched"}.isdisjoint(one.headers)
