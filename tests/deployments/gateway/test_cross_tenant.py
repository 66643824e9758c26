"""What one tenant is told of others: no name that its own names do not lead to, no request, no record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.audit.lines import Answered
from deployments.engines.synthetic_spec import SyntheticSpec
from deployments.gateway.gateway import Gateway
from tests.deployments.audit.keeping import checked, records
from tests.deployments.gateway.accounts import access, caller, calling, guarded, key_of
from tests.deployments.gateway.building import ask, engines, fleet, listening, settings, until

CHAT = "/v1/chat/completions"
SLOW = SyntheticSpec.model_validate({"step": {"base_ms": 20}, "output_tokens": 40})
REFUSING = SyntheticSpec.model_validate({"faults": {"refuse": True}})
GRAPH: dict[str, Any] = {
    "fallen": {"fallback": ["dense", "moe"], "breaker": {"consecutive": 2}},
    "raced": {"hedge": ["dense", "moe"], "after": 0, "at_most": 1.0},
    "cascaded": {"cascade": [{"to": "dense", "accept": {"min_tokens": 1000}}, {"to": "moe"}]},
    "parted": {"split": {"dense": 1, "moe": 1}},
    "voted": {"ensemble": ["dense", "moe"], "choose": "vote"},
    "theirs": {"fallback": ["distilled"]},
    "shared": {"coalesce": "dense", "any": True},
    "gathered": {"batch": "dense", "max": 4, "wait": "100ms"},
}
OURS = ["fallen", "raced", "cascaded", "parted", "voted", "dense"]
# What acme's names do not lead to; it is no part of any other word here.
HIDDEN = ("distilled", "theirs")
BODIES: dict[str, dict[str, Any]] = {
    CHAT: ask(max_tokens=3),
    "/v1/completions": {"prompt": "x", "max_tokens": 3},
    "/v1/responses": {"input": "x", "max_output_tokens": 16},
    "/v1/messages": {"max_tokens": 3, "messages": [{"role": "user", "content": "x"}]},
    "/v1/embeddings": {"input": "x"},
    "/score": {"text_1": "x", "text_2": "y"},
    "/tokenize": {"prompt": "x"},
}


@pytest.mark.parametrize("sound", [True, False])
async def test_no_name_is_told_that_the_callers_names_do_not_lead_to(
    file_store: dict[str, Any], *, sound: bool
) -> None:
    """In no header and no body, of answers and of refusals, with targets that work and with ones that do not."""
    tenants = {"acme": {"allow": OURS}, "other": {"allow": ["theirs", "distilled"]}}
    specs = {} if sound else {"dense": REFUSING, "moe": REFUSING}
    told: list[httpx.Response] = []
    async with (
        engines(**specs) as transport,
        guarded(transport, file_store, tenants=tenants, graph=GRAPH, default="theirs") as served,
        await caller(served) as calls,
    ):
        for path, body in BODIES.items():
            for name in (*OURS, "nobody", "dense:a", ""):
                told.append(await calls.post(path, json={**body, **({"model": name} if name else {})}))
                if path == CHAT:
                    told.append(await calls.post(path, json={**body, "model": name or "fallen", "stream": True}))
        told += [await calls.get(path) for path in ("/v1/models", "/v1/models/fallen", "/ready", "/metrics")]
    answered = {one.headers.get("x-tercet-model") for one in told}
    assert {"dense", "moe"} <= answered if sound else {one.status_code for one in told} >= {404, 503}
    for one in told:
        shown = one.text + " ".join(f"{name}: {value}" for name, value in one.headers.items())
        assert not any(name in shown for name in HIDDEN), shown


async def test_the_same_request_id_is_two_requests(file_store: dict[str, Any], tmp_path: Path) -> None:
    """One that leaves ends its own answer alone, and each is recorded for its tenant."""
    given = settings(
        access=access(file_store), tenants={"acme": {}, "other": {}}, graph=GRAPH, default="dense", audit=True
    )
    async with engines(dense=SLOW) as transport:
        served = Gateway(given, transport, name="g1", fleet=fleet, audit=tmp_path)
        ours, theirs = await key_of(served), await key_of(served, "other")
        async with listening(served) as calls:
            body = ask("the same words", model="dense", stream=True)

            def begun(key: str) -> httpx.Request:
                headers = {"authorization": f"Bearer {key}", "x-request-id": "one-and-the-same"}
                return calls.build_request("POST", CHAT, json=body, headers=headers)

            one, other = await asyncio.gather(*(calls.send(begun(key), stream=True) for key in (ours, theirs)))
            await other.aclose()
            text = (await one.aread()).decode()
            await until(lambda: not transport.engines["dense"]._streams)
        await served.close()
    assert text.endswith("data: [DONE]\n\n")
    assert text.count('"content"') >= SLOW.output_tokens
    found = [line.record for line in records(tmp_path) if isinstance(line.record, Answered)]
    assert {(record.tenant, record.request_id, record.outcome) for record in found} == {
        ("acme", "one-and-the-same", "ok"), ("other", "one-and-the-same", "cancelled"),
    }  # fmt: skip


@pytest.mark.parametrize("node", ["shared", "gathered"])
async def test_a_record_is_its_own_callers(file_store: dict[str, Any], tmp_path: Path, node: str) -> None:
    """Of the same at the same moment, by two keys of a tenant and by another tenant: each its own, by its own key."""
    given = settings(
        access=access(file_store), tenants={"acme": {}, "other": {}}, graph=GRAPH, default="dense", audit=True
    )
    path, body = (CHAT, ask("hi", max_tokens=4)) if node == "shared" else ("/v1/completions", BODIES["/v1/completions"])
    async with engines(dense=SLOW) as transport:
        served = Gateway(given, transport, name="g1", fleet=fleet, audit=tmp_path)
        keys = [await key_of(served, tenant) for tenant in ("acme", "acme", "other")]
        clients = [calling(served, key) for key in (*keys, keys[0])]
        sent = [one.post(path, json={**body, "model": node, "temperature": 0}) for one in clients]
        told = await asyncio.gather(*sent)
        for client in clients:
            await client.aclose()
        await served.close()
    assert {one.status_code for one in told} == {200}
    found = [line.record for line in records(tmp_path) if isinstance(line.record, Answered)]
    ids = [key.split("_")[1] for key in (*keys, keys[0])]
    tenants = ["acme", "acme", "other", "acme"]
    assert sorted((one.key, one.tenant) for one in found) == sorted(zip(ids, tenants, strict=True))
    assert checked(tmp_path).problems == []
