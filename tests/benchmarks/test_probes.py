"""What one tenant can find out of another, tried over HTTP against a real gateway: nothing.

Each probe is seen to find what it looks for where the same tenant asks again. The prefix cache of vLLM itself is probed
in ``tests/e2e/test_cache_salt.py``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.benchmarks.probed import CHAT, PREFILL_US, SHARED, Told, World, world

LINES = 24
TOKENS_A_LINE = 20
# How long the engine reads a secret at least; whoever gets its first token sooner knows that it was read before.
READ_S = LINES * TOKENS_A_LINE * PREFILL_US / 1e6


@pytest.fixture(scope="module")
def there() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="p-"))
    with world(folder) as one:
        yield one
    shutil.rmtree(folder, ignore_errors=True)


def secret(what: str) -> str:
    """Return a prompt that is read for a while, and that nobody else has sent."""
    return "\n".join(f"{what}, clause {at}: whoever signs this owes a large sum of money to it." for at in range(LINES))


def told_sooner(told: Told) -> bool:
    """Say whether an answer came sooner than its prompt can be read."""
    return told.first_s < 0.8 * READ_S


@pytest.mark.parametrize("headers", [{}, {"x-tenant-id": "alice"}], ids=["", "under another's name"])
def test_cache(there: World, headers: dict[str, str]) -> None:
    """Another's answer is neither given, nor told of, nor sooner there."""
    prompt = secret(f"cache {headers}")
    assert there.alice.ask(prompt, model="kept").headers["x-tercet-cache"] == "miss"
    again = there.alice.ask(prompt, model="kept")
    assert (again.headers["x-tercet-cache"], told_sooner(again)) == ("hit", True)
    probe = there.bob.ask(prompt, model="kept", headers=headers)
    assert (probe.headers["x-tercet-cache"], told_sooner(probe)) == ("miss", False)


def test_forgetting(there: World) -> None:
    """Nobody has another's answers forgotten, or finds out that there are some."""
    prompt = secret("forgetting")
    there.alice.ask(prompt, model="kept")
    tried = [
        there.bob.calls.post("/admin/cache/forget", json={"tenant": "alice"}),
        there.bob.calls.post("/admin/cache/forget", json={"tag": "faq"}),
        there.bob.calls.get("/admin/keys"),
        there.bob.calls.get("/metrics"),
    ]
    assert {one.status_code for one in tried} <= {403, 404}
    assert there.bob.calls.get("/ready").json() == {"ready": True}
    assert there.alice.ask(prompt, model="kept").headers["x-tercet-cache"] == "hit"


def test_coalescing(there: World) -> None:
    """A generation under way is joined by its own tenant alone; who asks the same pays, waits and is told nothing."""
    prompt = secret("coalescing")
    ours = there.together(
        lambda: there.alice.ask(prompt, model="shared", max_tokens=8),
        lambda: there.alice.ask(prompt, model="shared", max_tokens=8),
    )
    assert any("coalesced" in name for one in ours for name in one.headers)
    prompt = secret("coalescing with others")
    both: list[Told] = []
    read = there.computed(
        lambda: both.extend(
            there.together(
                lambda: there.alice.ask(prompt, model="shared", max_tokens=8),
                lambda: there.bob.ask(prompt, model="shared", max_tokens=8),
            )
        )
    )
    assert read >= 2 * LINES * TOKENS_A_LINE * 0.9
    assert not any("coalesced" in name for one in both for name in one.headers)
    assert not told_sooner(both[1])


def test_batching(there: World) -> None:
    """Requests of two tenants are not merged into one call."""
    merged = there.together(
        lambda: there.alice.ask("one", model="merged", stream=False),
        lambda: there.bob.ask("two", model="merged", stream=False),
    )
    assert [one.status for one in merged] == [200, 200]
    assert not any("batched" in name for one in merged for name in one.headers)


@pytest.mark.parametrize("salt", [None, "alice", ""])
def test_prefix_timing(there: World, salt: str | None) -> None:
    """The time to the first token says nothing of what another has asked, whatever salt is named."""
    prompt = secret(f"prefix {salt!r}")
    more = {} if salt is None else {"cache_salt": salt or " "}
    assert not told_sooner(there.alice.ask(prompt))
    assert told_sooner(there.alice.ask(prompt))
    probe = there.bob.ask(prompt, **more)
    assert probe.status == 400 or not told_sooner(probe)
    if probe.status == 200:
        assert told_sooner(there.bob.ask(prompt, **more))


def test_listing(there: World) -> None:
    """A model that is another's is as one that does not exist: in lists, by name, in errors, and behind a node."""
    listed = there.bob.calls.get("/v1/models")
    assert {one["id"] for one in listed.json()["data"]} == {"dense", "kept", "shared", "merged", "either"}
    assert {"hidden", "hers"} <= {one["id"] for one in there.alice.calls.get("/v1/models").json()["data"]}
    for name in ("hidden", "hers"):
        for there_is, is_not in zip(_asked(there, name), _asked(there, "nobody"), strict=True):
            assert there_is.status_code == is_not.status_code == 404
            assert _plain(there_is, name) == _plain(is_not, "nobody")
    assert "hidden" not in listed.text
    told = there.bob.ask("who is behind it", model="either")
    assert (told.status, "hidden" in str(told.headers)) == (200, False)


def _asked(there: World, name: str) -> list[httpx.Response]:
    body = {"model": name, "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
    calls = there.bob.calls
    return [calls.get(f"/v1/models/{name}"), calls.post(CHAT, json=body), calls.post("/v1/messages", json=body)]


def _plain(answer: httpx.Response, name: str) -> str:
    """Return an answer without what differs by itself."""
    return answer.text.replace(name, "NAME").replace(answer.headers["x-request-id"], "ID")


def test_balances(there: World) -> None:
    """What all tenants together have left of a model is told to none."""
    before = there.bob.ask("how much is left", max_tokens=1)
    for _ in range(5):
        there.alice.ask("a lot", max_tokens=8)
    after = there.bob.ask("how much is left", max_tokens=1)
    limit = before.headers["x-ratelimit-limit-requests"]
    assert limit == after.headers["x-ratelimit-limit-requests"] != str(SHARED["dense"]["requests_per_minute"])
    left = int(before.headers["x-ratelimit-remaining-requests"]) - int(after.headers["x-ratelimit-remaining-requests"])
    assert left <= 1


def test_stored_responses(there: World) -> None:
    """Another's response is as one that was never made: to be read, gone on with, or cancelled."""
    made = there.alice.calls.post("/v1/responses", json={"model": "dense", "input": "a secret", "max_output_tokens": 4})
    mine = made.json()["id"]
    assert there.alice.calls.get(f"/v1/responses/{mine}").status_code == 200
    never = mine[:-6] + "zzzzzz"
    for name in (mine, never):
        follow = {"model": "dense", "input": "what was it", "previous_response_id": name}
        told = [
            there.bob.calls.get(f"/v1/responses/{name}"),
            there.bob.calls.post(f"/v1/responses/{name}/cancel"),
            there.bob.calls.post("/v1/responses", json=follow),
        ]
        assert {one.status_code for one in told} == {404}


def test_a_request_id_of_another(there: World) -> None:
    """Whoever takes another's request id and leaves ends nothing of the other's; each has a record of its own."""
    shared = {"x-request-id": "the-same-for-both"}

    def leaves() -> Told:
        body = {"model": "dense", "messages": [{"role": "user", "content": "mine"}], "max_tokens": 8, "stream": True}
        with there.bob.calls.stream("POST", CHAT, json=body, headers=shared) as answer:
            next(answer.iter_bytes())
            return Told(answer.status_code, answer.headers, "", 0.0)

    first, _ = there.together(lambda: there.alice.ask(secret("id"), headers=shared, max_tokens=8), leaves)
    assert first.body.endswith("data: [DONE]\n\n")
    assert "error" not in first.body


def test_audit(there: World) -> None:
    """Every record is of who asked, and of nobody else; no port that tenants reach tells of records."""
    there.together(
        lambda: there.alice.ask("of alice alone", model="shared"),
        lambda: there.bob.ask("of bob alone", model="shared"),
    )
    by_tenant = {record.request_id: record for record in there.records()}
    of = {record.tenant: record.key for record in by_tenant.values()}
    assert set(of) == {"alice", "bob"}
    assert of["alice"] != of["bob"]
    assert {(record.tenant, record.key) for record in by_tenant.values()} == set(of.items())
    for record in by_tenant.values():
        other = {"alice": "of bob alone", "bob": "of alice alone"}[record.tenant]
        assert other not in str(record)
    assert {there.bob.calls.get(path).status_code for path in ("/audit", "/admin/audit", "/v1/audit")} <= {403, 404}


def test_without_a_key(there: World) -> None:
    """Nobody who shows none is told anything."""
    told = [there.stranger.get("/v1/models"), there.stranger.get("/metrics"), there.stranger.post(CHAT, json={})]
    assert {one.status_code for one in told} == {401}
