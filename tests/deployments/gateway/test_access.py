"""Who gets an answer where callers are known, what they see of others, and what they are told of their limits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.settings import GatewaySettings
from deployments.request import Request
from deployments.tenancy.accounting.estimate import Estimate, estimate
from deployments.tenancy.keys import issuing
from deployments.tenancy.limits.spec import Allotment
from tests.deployments.gateway.accounts import access, account, caller, calling, guarded, key_of
from tests.deployments.gateway.building import ask, engines, settings, until, with_pooling

CHAT = "/v1/chat/completions"
ANTHROPIC = {"max_tokens": 4, "messages": [{"role": "user", "content": "hi"}]}


async def asked(calls: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await calls.post(CHAT, json=ask(**{"max_tokens": 4, "model": "dense", **more}))


async def test_nobody_is_answered_without_a_key(store: dict[str, Any]) -> None:
    """On no route but the two that balancers ask, which tell no names."""
    async with engines() as transport, guarded(transport, store, **with_pooling()) as served:
        async with calling(served) as stranger:
            gets = ["/v1/models", "/v1/models/dense", "/openapi.json", "/version", "/metrics", "/v1/responses/resp_x"]
            posts = [CHAT, "/v1/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens", "/score"]
            posts += ["/v1/embeddings", "/v1/rerank", "/tokenize", "/detokenize", "/v1/responses/resp_x/cancel"]
            refused = [*[await stranger.get(path) for path in gets], *[await stranger.post(path) for path in posts]]
            ready = await stranger.get("/ready")
            assert (await stranger.get("/health")).status_code == 200
        async with await caller(served) as calls:
            assert (await asked(calls)).status_code == 200
            assert (await calls.get("/v1/models")).status_code == 200
            assert (await calls.get("/metrics")).status_code == 403
            key = calls.headers["authorization"].removeprefix("Bearer ")
        async with calling(served) as calls:
            assert (await calls.post("/v1/messages", json=ANTHROPIC, headers={"x-api-key": key})).status_code == 200
    assert {(one.status_code, one.headers["www-authenticate"]) for one in refused} == {(401, "Bearer")}
    assert set(ready.json()) == {"ready"}


async def test_an_operator_sees_all(file_store: dict[str, Any]) -> None:
    """By a key with the admin scope."""
    async with (
        engines() as transport,
        guarded(transport, file_store) as served,
        await caller(served, admin=True) as calls,
    ):
        assert (await calls.get("/metrics")).status_code == 200
        assert "pools" in (await calls.get("/ready")).json()


async def test_a_header_says_nothing_of_the_tenant(file_store: dict[str, Any], caplog: Any) -> None:
    """Where keys are known."""
    async with engines() as transport, guarded(transport, file_store) as served, await caller(served) as calls:
        with caplog.at_level("INFO"):
            answer = await calls.post(CHAT, json=ask(max_tokens=2), headers={"x-tenant-id": "other"})
    assert answer.status_code == 200
    logged = [one for one in caplog.records if getattr(one, "fields", {}).get("tenant")]
    assert {one.fields["tenant"] for one in logged} == {"acme"}


async def test_models_that_are_not_the_callers_do_not_exist_for_it(store: dict[str, Any]) -> None:
    """Not in a list, not by name, not in the words of an error, not as what a node leads to."""
    tenants = {"acme": {"allow": ["auto", "dense"]}, "other": {"allow": ["moe"]}}
    async with (
        engines() as transport,
        guarded(transport, store, tenants=tenants) as served,
        await caller(served) as calls,
        await caller(served, "other") as others,
    ):
        listed = (await calls.get("/v1/models")).json()["data"]
        assert {one["id"] for one in listed} == {"auto", "dense"}
        assert all(set(one.get("targets", ())) <= {"auto", "dense"} for one in listed)
        probes = [
            await calls.get("/v1/models/moe"),
            *[await asked(calls, model=name) for name in ("moe", "quick", "moe:a", "nobody", "dense:a")],
            await calls.post("/v1/embeddings", json={"model": "moe", "input": "x"}),
            await others.post(CHAT, json=ask(max_tokens=2)),
        ]
        wrong_work = await calls.post("/v1/embeddings", json={"model": "dense", "input": "x"})
        assert [(await asked(calls, model=name)).status_code for name in ("auto", "dense", "")] == [200] * 3
        assert (await asked(others, model="moe")).status_code == 200
    assert {one.status_code for one in probes} == {404}
    told = "".join(one.text for one in (*probes, wrong_work))
    assert "distilled" not in told
    assert "careful" not in told
    assert '"auto' not in told


async def test_a_narrow_key_is_narrow(file_store: dict[str, Any]) -> None:
    """Within what its tenant may do."""
    async with (
        engines() as transport,
        guarded(transport, file_store, tenants={"acme": {"allow": ["dense"]}}) as served,
        await caller(served, models=("dense", "moe"), nodes=("auto",)) as calls,
    ):
        assert {one["id"] for one in (await calls.get("/v1/models")).json()["data"]} == {"dense"}
        assert (await asked(calls)).status_code == 200
        assert (await asked(calls, model="moe")).status_code == 404


SURFACES = {
    CHAT: ask(model="dense", max_tokens=4),
    "/v1/completions": {"model": "dense", "prompt": "x", "max_tokens": 4},
    "/v1/responses": {"model": "dense", "input": "x", "max_output_tokens": 16},
    "/v1/messages": {"model": "dense", **ANTHROPIC},
}


@pytest.mark.parametrize("path", SURFACES)
async def test_a_limit_is_told_as_the_surface_tells_errors(path: str, store: dict[str, Any]) -> None:
    """With the headers that clients read, and when to come again."""
    tenants = {"acme": {"limits": {"requests_per_minute": 2}}}
    async with (
        engines() as transport,
        guarded(transport, store, tenants=tenants) as served,
        await caller(served) as calls,
    ):
        first, second, third = [await calls.post(path, json=SURFACES[path]) for _ in range(3)]
    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 429]
    left = [one.headers["x-ratelimit-remaining-requests"] for one in (first, second, third)]
    assert left == ["1", "0", "0"]
    assert 1 <= int(third.headers["retry-after"]) <= 60
    error = third.json()["error"]
    if path == "/v1/messages":
        assert (third.json()["type"], error["type"]) == ("error", "rate_limit_error")
    else:
        assert (error["code"], error["type"]) == ("rate_limit_exceeded", "rate_limit_error")


async def test_a_wrong_request_costs_no_place(file_store: dict[str, Any]) -> None:
    """Nor a call: it is refused before anything is held for it."""
    tenants = {"acme": {"limits": {"calls_per_day": 1}}}
    async with (
        engines() as transport,
        guarded(transport, file_store, tenants=tenants) as served,
        await caller(served) as calls,
    ):
        wrong = [await asked(calls, **fields) for fields in ({"temperature": -1}, {"model": "x"}, {"n": 0})]
        assert (await asked(calls)).status_code == 200
        assert (await asked(calls)).status_code == 429
    assert {one.status_code for one in wrong} == {400, 404}


async def test_places_are_free_as_soon_as_an_answer_is_there(store: dict[str, Any]) -> None:
    """One after the other, at one at a time."""
    tenants = {"acme": {"limits": {"concurrent": 1}}}
    async with (
        engines() as transport,
        guarded(transport, store, tenants=tenants) as served,
        await caller(served) as calls,
    ):
        told = [await asked(calls, stream=at % 2 == 0) for at in range(20)]
        wrong = [await asked(calls, model="dense", prompt_logprobs=-5) for _ in range(2)]
        after = await asked(calls)
    assert {one.status_code for one in told} == {200}
    assert {one.status_code for one in wrong} <= {200, 400}
    assert after.status_code == 200


async def test_stored_responses_are_their_tenants_own(store: dict[str, Any]) -> None:
    """To be retrieved, cancelled and gone on from; an id of another leads nowhere, as one that never was."""
    tenants = {"acme": {"allow": ["auto"]}, "other": {}}
    async with (
        engines() as transport,
        guarded(transport, store, tenants=tenants) as served,
        await caller(served) as mine,
        await caller(served) as ours,
        await caller(served, "other") as theirs,
    ):
        made = (await mine.post("/v1/responses", json={"input": "a secret", "max_output_tokens": 16})).json()
        path = f"/v1/responses/{made['id']}"
        follow = {"input": "go on", "previous_response_id": made["id"], "max_output_tokens": 16}
        probes = [
            await theirs.get(path),
            await theirs.post(f"{path}/cancel"),
            await theirs.post("/v1/responses", json=follow),
            await theirs.post("/v1/responses", json={**follow, "model": "dense"}),
        ]
        own = [
            await mine.get(path),
            await ours.get(path),
            await ours.post("/v1/responses", json=follow),
            await ours.post("/v1/responses", json={**follow, "model": "auto"}),
        ]
        refused = await ours.post("/v1/responses", json={**follow, "model": "dense"})
    assert [one.status_code for one in probes] == [404] * 4
    assert all("there is no response" in one.text for one in probes)
    assert [one.status_code for one in own] == [200] * 4
    assert refused.status_code == 404


async def test_a_follow_up_passes_what_a_first_request_passes(file_store: dict[str, Any]) -> None:
    """Whoever may not ask the pool by itself comes to it through the nodes before it, named or not."""
    graph = {
        "safe": {"guard": "dealt", "input": [{"words": ["forbidden"]}]},
        "dealt": {"split": {"moe": 99, "queue": 1e-9}},
        "queue": {"admission": "dense", "concurrent": 1},
        "direct": {"guard": "queue", "input": [{"words": ["forbidden"]}]},
    }
    tenants = {"acme": {"allow": ["direct", "safe"]}, "other": {}}
    async with (
        engines() as transport,
        guarded(transport, file_store, tenants=tenants, graph=graph, default="dense") as served,
        await caller(served) as calls,
    ):
        first = await calls.post("/v1/responses", json={"model": "direct", "input": "hi", "max_output_tokens": 16})
        assert first.headers["x-tercet-path"] == "direct>queue>dense"
        follow = {"previous_response_id": first.json()["id"], "max_output_tokens": 16}
        for named, path in (
            ({"model": "direct"}, "direct>queue>dense"),
            ({"model": "safe"}, "safe>dealt>queue>dense"),
            ({}, "safe>dealt>queue>dense"),
        ):
            asked = {**follow, **named}
            assert (await calls.post("/v1/responses", json={**asked, "input": "forbidden"})).status_code == 400
            answer = await calls.post("/v1/responses", json={**asked, "input": "go on"})
            assert (answer.status_code, answer.headers["x-tercet-path"]) == (200, path)


async def test_what_may_not_leave_uses_up_nothing_of_the_model_elsewhere(file_store: dict[str, Any]) -> None:
    """Its calls and places are those of tenants that reach it."""
    remote = {"family": "remote", "url": "http://127.0.0.1:9/v1", "model": "m"}
    models = {"dense": {"family": "dense"}, "cloud": {"family": "remote", "remote": remote}}
    graph = {"auto": {"fallback": ["cloud", "dense"], "on": ["engine_failed"], "breaker": False}}
    tenants = {"acme": {"stay_local": True, "models": {"cloud": {"requests_per_minute": 1}}}, "other": {}}
    async with (
        engines() as transport,
        guarded(
            transport, file_store, tenants=tenants, models=models, graph=graph, remote_hosts=["127.0.0.1:9"],
            access={"models": {"cloud": {"requests_per_minute": 1, "concurrent": 1}}},
        ) as served,
        await caller(served) as mine,
        await caller(served, "other") as theirs,
    ):  # fmt: skip
        mine_told = [await asked(mine, model="auto") for _ in range(4)]
        theirs_told = [await asked(theirs, model="auto") for _ in range(2)]
    assert {one.headers["x-tercet-path"] for one in mine_told} == {"auto>cloud!stays_local>dense"}
    assert [one.status_code == 429 for one in theirs_told] == [False, True]


async def test_what_a_model_has_left_for_all_is_told_to_nobody(file_store: dict[str, Any]) -> None:
    """Another tenant's use moves no header, also not of a refusal."""
    limits = {"models": {"dense": {"requests_per_minute": 3}}}
    async with (
        engines() as transport,
        guarded(transport, file_store, access=limits) as served,
        await caller(served) as mine,
        await caller(served, "other") as theirs,
    ):
        answers = [await asked(calls) for calls in (mine, theirs, theirs, mine)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert "retry-after" in answers[-1].headers
    assert not [name for one in answers for name in one.headers if name.startswith("x-ratelimit")]


async def test_changes_hold_at_once(store: dict[str, Any]) -> None:
    """New limits, a tenant that goes, and access that is opened and closed; nothing is started anew."""
    async with engines() as transport, guarded(transport, store) as served, await caller(served) as calls:
        assert "x-ratelimit-limit-requests" not in (await asked(calls)).headers

        def given(**tenants: Any) -> GatewaySettings:
            return settings(access=access(store), tenants=tenants)

        door = served.live.door
        served.reconfigure(given(acme={"limits": {"requests_per_minute": 7}}))
        assert (await asked(calls)).headers["x-ratelimit-limit-requests"] == "7"
        served.reconfigure(given(other={}))
        assert (await asked(calls)).status_code == 403
        served.reconfigure(settings(access={"open": True}))
        assert (await asked(calls)).status_code == 200
        served.reconfigure(given(acme={}))
        assert served.live.door is not door
        assert (await asked(calls)).status_code == 200
        async with calling(served) as stranger:
            assert (await asked(stranger)).status_code == 401


async def test_a_revoked_key_stops_everywhere(store: dict[str, Any]) -> None:
    """On each of two gateways, as soon as what they remember is old."""
    async with engines() as transport, guarded(transport, store) as one, guarded(transport, store) as other:
        key = await key_of(one)
        async with calling(one, key) as here, calling(other, key) as there:
            assert [(await asked(calls)).status_code for calls in (here, there)] == [200, 200]
            assert one.live.door is not None
            await issuing.revoke((await one.live.door.stores()).keys, key.split("_")[1], time.time())
            await asyncio.sleep(0.1)
            refused = [await asked(calls) for calls in (here, there)]
    assert [one.status_code for one in refused] == [401, 401]
    assert "revoked" in refused[0].text


async def test_limits_of_one_key(file_store: dict[str, Any]) -> None:
    """Take the place of those that every key of its tenant has."""
    tenants = {"acme": {"each_key": {"requests_per_minute": 5}}}
    async with engines() as transport, guarded(transport, file_store, tenants=tenants) as served:
        own = Allotment(requests_per_minute=2, calls_per_day=9)
        async with await caller(served, limits=own) as special, await caller(served) as usual:
            limits = [(await asked(calls)).headers["x-ratelimit-limit-requests"] for calls in (special, usual)]
    assert limits == ["2", "5"]


async def test_a_store_that_is_away_at_the_start(tmp_path: Any) -> None:
    """Nobody is let in, the gateway says why, and goes on by itself once the store is there."""
    folder = tmp_path / "later"
    folder.write_text("in the way")
    async with (
        engines() as transport,
        guarded(transport, {"sqlite": str(folder / "a.sqlite")}) as served,
        calling(served, "tercet_x") as calls,
    ):
        refused, ready = await asked(calls), await calls.get("/ready")
        folder.unlink()
        await until(lambda: served.readiness().ready)
        async with await caller(served) as known:
            assert (await asked(known)).status_code == 200
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
    assert "retry-after" in refused.headers
    assert ready.status_code == 503


async def test_what_is_used_in_the_background_is_not_counted_so_it_is_refused(file_store: dict[str, Any]) -> None:
    """To whoever has a budget."""
    tenants = {"acme": {"limits": {"budgets": [{"tokens": 1000, "per": "ever"}]}}}
    async with engines() as transport, guarded(transport, file_store, tenants=tenants) as served:
        async with await caller(served) as calls:
            body = {"model": "dense", "input": "x", "background": True}
            answer = await calls.post("/v1/responses", json=body)
        assert (await account(served, "tenant acme|tokens|ever")).reserved == 0
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "background")
    assert "counted by nobody" in answer.text


async def test_a_store_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    """Whoever has limits is asked to come again, what runs goes on, and is settled when the store is back."""
    folder, elsewhere = tmp_path / "disk", tmp_path / "unplugged"
    folder.mkdir()
    slow = SyntheticSpec.model_validate({"step": {"base_ms": 20}, "output_tokens": 12})
    store = {"sqlite": str(folder / "a.sqlite"), "timeout": 0.2}
    tenants = {"acme": {"limits": {"budgets": [{"tokens": 1000, "per": "ever"}]}}, "other": {}}
    async with (
        engines(dense=slow) as transport,
        guarded(transport, store, tenants=tenants) as served,
        await caller(served) as calls,
        await caller(served, "other") as free,
    ):
        assert [(await asked(one)).status_code for one in (calls, free)] == [200, 200]
        running = asyncio.create_task(asked(calls, max_tokens=12))
        await until(lambda: bool(transport.engines["dense"]._streams))
        folder.rename(elsewhere)
        refused = await asked(calls)
        assert (await running).status_code == 200
        elsewhere.rename(folder)
        door = served.live.door
        assert door is not None
        await door.tend(served.entrance.now_us())
        assert (await asked(calls)).status_code == 200
        kept = await account(served, "tenant acme|tokens|ever")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store_unavailable")
    assert "retry-after" in refused.headers
    assert (kept.settled, kept.reserved) == (3 * 4 + 4 + 12 + 4, 0)  # four tokens of prompt each


async def test_a_secret_that_is_missing_is_told_to_the_operator_alone(file_store: dict[str, Any], caplog: Any) -> None:
    """In the log, once; whoever calls learns that it is not their fault."""
    missing = {"pepper": {"env": "TERCET_TEST_NO_SUCH_PEPPER"}}
    async with engines() as transport, guarded(transport, file_store, access={"keys": missing}) as served:
        async with calling(served, "tercet_x") as calls:
            with caplog.at_level("ERROR"):
                refused = [await asked(calls) for _ in range(3)]
        assert "TERCET_TEST_NO_SUCH_PEPPER" in served.readiness().reason
    assert {(one.status_code, one.json()["error"]["code"]) for one in refused} == {(503, "misconfigured")}
    assert "TERCET_TEST_NO_SUCH_PEPPER" not in refused[0].text
    reasons = [one.fields["reason"] for one in caplog.records if one.getMessage() == "access_closed"]
    assert len(reasons) == 1


async def test_who_has_no_limits_has_nothing_estimated(
    file_store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long body is read once and not for the account; whoever has limits, of whatever kind, is estimated once."""
    counted: list[str] = []

    def counting(request: Request) -> Estimate:
        counted.append(request.model)
        return estimate(request)

    monkeypatch.setattr("deployments.gateway.caller.estimate", counting)
    monkeypatch.setattr("deployments.tenancy.accounting.account.estimate", counting)
    budget = {"budgets": [{"tokens": 10_000, "per": "ever"}]}
    tenants = {"acme": {"models": {"moe": budget}}, "other": {"limits": {"requests_per_minute": 60}}}
    async with engines() as transport, guarded(transport, file_store, tenants=tenants) as served:
        for tenant, model, times in (("acme", "dense", 0), ("acme", "moe", 1), ("other", "dense", 1)):
            counted.clear()
            async with await caller(served, tenant) as calls:
                assert (await asked(calls, model=model)).status_code == 200
            assert len(counted) == times
