"""The salt by which a server that keeps prefixes keeps those of different tenants apart."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.standing import ALONE, Standing
from tests.deployments.gateway.building import ask, settings
from tests.deployments.remote.far import answer, answered, far, remote, says
from tests.deployments.remote.test_edge_to_cloud import edge, hybrid
from tests.deployments.scripted import chat

A, B = Standing(prefixes="tenant a"), Standing(prefixes="tenant b")
ANSWER = answer("200 OK", b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}')


async def salt_of(standing: Standing, key: str | None = "one", own: str | None = None, **fields: Any) -> str | None:
    """Return the salt that a new gateway sends."""
    more = {} if key is None else {"key": {"env": "KEY"}, "environment": {"KEY": key}}
    async with far(says(ANSWER)) as there:
        model = remote(there.url, **more, **fields)
        await answered(model, chat(**({} if own is None else {"cache_salt": own})), standing=standing)
        await model.close()
        sent = there.asked[0].body.get("cache_salt")
    return None if sent is None else str(sent)


async def test_tenants_are_kept_apart_whatever_they_say() -> None:
    """One that knows another's salt, or writes what stands for it, does not get there."""
    of_a = await salt_of(A, salt=True)
    assert of_a is not None
    others = ((B, None), (B, of_a), (A, "x"))
    told = [of_a, *[await salt_of(standing, salt=True, own=own) for standing, own in others]]
    assert len(set(told)) == len(told)
    assert await salt_of(B, salt=True, own="tenant a") not in told


async def test_gateways_with_the_same_key_find_the_same_prefixes() -> None:
    """Others cannot name them."""
    assert await salt_of(A, salt=True) == await salt_of(A, salt=True)
    assert await salt_of(A, salt=True) != await salt_of(A, "other", salt=True)
    assert await salt_of(A, None, salt=True) != await salt_of(A, None, salt=True)


@pytest.mark.parametrize(("standing", "fields"), [(ALONE, {"salt": True}), (A, {})])
async def test_nothing_is_added_where_nobody_asked_for_it(standing: Standing, fields: dict[str, Any]) -> None:
    """The client's own stays what it is."""
    assert await salt_of(standing, **fields) is None
    assert await salt_of(standing, own="mine", **fields) == "mine"


CACHING = SyntheticSpec.model_validate({"prefix_cache": True})
TENANTS = {"acme": {}, "beta": {}}


@pytest.mark.parametrize("salted", [True, False])
async def test_a_server_with_a_prefix_cache_finds_for_each_tenant_its_own(*, salted: bool) -> None:
    """By its own count; without the salt it would have told the one of the other's prompts."""
    async with hybrid(there=CACHING) as both:
        both.gateway.reconfigure(settings(**(edge(both.url, salt=salted) | {"tenants": TENANTS})))
        engine = both.cloud.engines["dense"]

        async def found(tenant: str, **more: Any) -> int:
            before = engine.signals().prefix_hits_total
            body = ask("the minutes of the board " * 40, model="cloud", max_tokens=2, **more)
            answered = await both.calls.post("/v1/chat/completions", json=body, headers={"x-tenant-id": tenant})
            assert answered.status_code == 200
            return engine.signals().prefix_hits_total - before

        assert await found("acme") == 0
        assert (await found("beta") > 0) is not salted
        assert await found("beta", cache_salt="acme") == 0
        assert await found("beta", cache_salt="tenant acme") == 0
        assert await found("acme") > 0
