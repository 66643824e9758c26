"""``tercet keys`` on the command line, with a real store below it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli import app
from deployments.audit.lines import Administered
from deployments.errors import Unauthorized
from deployments.tenancy.assembly import gatekeeper_of, open_stores, rights_of
from deployments.tenancy.identity import Identity
from deployments.tenancy.ledger.lines import Quota
from deployments.tenancy.refused import Refusal
from deployments.tenancy.spec import AccessSpec, StoreSpec, TenantSpec
from tests.deployments.audit.keeping import checked, records

TENANTS = {"acme": {"limits": {"requests_per_minute": 60}}}


def document(folder: Path, **more: object) -> str:
    file = folder / "tercet.yaml"
    store = {"sqlite": str(folder / "keys.sqlite")}
    models = {"dense": {"family": "dense", "source": "demo/dense", "runtime": "synthetic"}}
    file.write_text(json.dumps({"models": models, "access": {"store": store}, "tenants": TENANTS, **more}))
    return str(file)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["keys", *arguments])
    return result.exit_code, result.output.strip()


def held(folder: Path, key: str) -> Identity | Refusal:
    """Ask a gatekeeper of the same configuration."""

    async def asked() -> Identity | Refusal:
        access = AccessSpec.model_validate({"store": {"sqlite": str(folder / "keys.sqlite")}})
        rights = rights_of({"acme": TenantSpec.model_validate(TENANTS["acme"])}, access, ())
        gatekeeper, close = await gatekeeper_of(access, open_stores(access.kept), rights)
        try:
            return await gatekeeper.identify({"authorization": f"Bearer {key}"}, int(time.time() * 1e6))
        finally:
            await close()

    return asyncio.run(asked())


def test_a_key_lives_from_create_to_revoke(tmp_path: Path) -> None:
    """What the command prints opens the gate, until it does not."""
    file = document(tmp_path)
    code, key = run("create", file, "--tenant", "acme", "--name", "ci", "--models", "dense", "--expires", "90d")
    assert code == 0
    who = held(tmp_path, key)
    assert isinstance(who, Identity)
    (told,) = json.loads(run("list", file, "--json")[1])
    assert (told["tenant"], told["name"], told["models"], told["state"]) == ("acme", "ci", ["dense"], "active")
    assert key not in run("list", file)[1]
    new = run("rotate", file, told["id"], "--overlap", "0s")[1]
    assert held(tmp_path, new) == who
    new_id = new.split("_")[1]
    assert run("revoke", file, new_id) == (0, f"{new_id}: revoked")
    for ended in (key, new):
        refusal = held(tmp_path, ended)
        assert isinstance(refusal, Refusal)
        assert isinstance(refusal.error, Unauthorized)
    assert [one["state"] for one in json.loads(run("list", file, "--json")[1])] == ["expired", "revoked"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "--tenant", "acm"], "did you mean acme"),
        (["create", "--tenant", "acme", "--models", "dens"], "did you mean dense"),
        (["create", "--tenant", "acme", "--expires", "soon"], "a duration such as"),
        (["create"], "--tenant"),
        (["create", "--tenant", "acme", "--limits", "{requests_per_minute: 0}"], "requests_per_minute"),
        (["create", "--tenant", "acme", "--limits", "five"], "--limits"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_made(tmp_path: Path, arguments: list[str], told: str) -> None:
    """With 2, and the option at fault."""
    command, *options = arguments
    code, output = run(command, document(tmp_path), *options)
    assert code == 2
    assert told in output
    assert not (tmp_path / "keys.sqlite").exists()


def test_what_cannot_be_done_is_said_in_one_sentence(tmp_path: Path) -> None:
    """And ends with 1: an unknown key, a document without keys, a folder that is not there."""
    assert run("revoke", document(tmp_path), "zzz") == (1, "tercet keys: there is no key 'zzz'")
    code, output = run("list", document(tmp_path, access=None, tenants={}))
    assert (code, "has no `access`" in output) == (1, True)
    elsewhere = {"store": {"sqlite": str(tmp_path / "not" / "there" / "keys.sqlite")}}
    code, output = run("list", document(tmp_path, access=elsewhere))
    assert (code, "not/there" in output) == (1, True)


def test_a_key_may_have_limits_of_its_own_and_an_end(tmp_path: Path) -> None:
    """Written as in a document; the end only ever comes nearer."""
    file = document(tmp_path)
    key = run("create", file, "--tenant", "acme", "--limits", "{requests_per_minute: 5, budgets: [{tokens: 9}]}")[1]
    who = held(tmp_path, key)
    assert isinstance(who, Identity)
    assert who.limits is not None
    assert (who.limits.requests_per_minute, who.limits.budgets[0].tokens) == (5, 9)
    key_id = key.split("_")[1]
    code, told = run("expire", file, key_id, "--within", "1h")
    assert (code, told.split(":")[0]) == (0, key_id)
    (listed,) = json.loads(run("list", file, "--json")[1])
    assert (listed["state"], listed["limits"]) == (
        "active", {"requests_per_minute": 5, "budgets": [{"tokens": 9}]}
    )  # fmt: skip
    assert 'limits={"requests_per_minute": 5' in run("list", file)[1]
    assert run("expire", file, key_id, "--within", "0s")[0] == 0
    assert isinstance(held(tmp_path, key), Refusal)
    assert run("expire", file, "zzz", "--within", "1h") == (1, "tercet keys: there is no key 'zzz'")


def test_where_access_is_open_there_are_no_keys(tmp_path: Path) -> None:
    """And the way out is told."""
    code, told = run("list", document(tmp_path, access={"open": True}, tenants={}))
    assert (code, "give `access` a store" in told) == (1, True)


def test_what_is_done_is_part_of_the_audit_trail(tmp_path: Path) -> None:
    """By whom, and what came of it, but not the key; the trail verifies."""
    folder = tmp_path / "audit"
    file = document(tmp_path, audit={"enabled": True, "folder": str(folder)})
    key = run("create", file, "--tenant", "acme")[1]
    assert run("revoke", file, key.split("_")[1])[0] == 0
    assert run("revoke", file, "zzz")[0] == 1
    acts = [line.record for line in records(folder) if isinstance(line.record, Administered)]
    assert sorted((one.action, one.outcome) for one in acts) == [
        ("key_create", "ok"), ("key_revoke", "failed"), ("key_revoke", "ok")
    ]  # fmt: skip
    assert all(one.who.endswith(" on the command line") for one in acts)
    assert {one.told.get("id") for one in acts} == {key.split("_")[1], None}
    verdict = checked(folder)
    assert (verdict.administered, verdict.problems) == (3, [])
    assert key.split("_")[2] not in "".join(path.read_text() for path in folder.iterdir() if path.suffix == ".jsonl")


def test_a_key_that_cannot_be_recorded_opens_nothing(tmp_path: Path) -> None:
    """It is not shown either."""
    (tmp_path / "audit").write_text("no folder")
    audit = {"enabled": True, "folder": str(tmp_path / "audit")}
    code, told = run("create", document(tmp_path, audit=audit), "--tenant", "acme")
    assert (code, told) == (1, "tercet keys: what is generated here must be recorded, and cannot be")
    (one,) = json.loads(run("list", document(tmp_path), "--json")[1])
    assert one["state"] == "revoked"


def test_a_key_for_one_model_opens_no_node(tmp_path: Path) -> None:
    """A node leads to other models; a key for a node opens no model by itself."""
    file = document(tmp_path, graph={"auto": {"fallback": ["dense"]}})
    wishes: list[tuple[str, ...]] = [(), ("--models", "dense"), ("--nodes", "auto")]
    keys = [run("create", file, "--tenant", "acme", *wish)[1] for wish in wishes]
    scopes = [who.scopes for who in (held(tmp_path, key) for key in keys) if isinstance(who, Identity)]
    assert [(one.models, one.nodes) for one in scopes] == [
        (None, None), (frozenset({"dense"}), frozenset()), (frozenset(), frozenset({"auto"}))
    ]  # fmt: skip


def test_a_whole_key_for_an_id_is_not_repeated(tmp_path: Path) -> None:
    """It would stand in terminals and logs."""
    file = document(tmp_path)
    key = run("create", file, "--tenant", "acme")[1]
    for command in (["revoke", file, key], ["rotate", file, key], ["expire", file, key, "--within", "1h"]):
        code, told = run(*command)
        assert code == 2
        assert key.split("_")[2] not in told
    assert isinstance(held(tmp_path, key), Identity)


def test_what_is_left_of_budgets_is_told(tmp_path: Path) -> None:
    """The tenant's, those of its keys and of models, and nothing of others'."""
    budget = {"budgets": [{"tokens": 100, "per": "ever"}]}
    tenants = {"acme": {"limits": budget}, "other": {"limits": {"concurrent": 1}}}
    file = document(tmp_path, tenants=tenants)
    key = run("create", file, "--tenant", "acme", "--limits", "{budgets: [{cost: 2.5, per: ever}]}")[1]
    run("create", file, "--tenant", "other")
    line = Quota(account="tenant acme|tokens|ever", amount=30, limit=100)

    async def used() -> None:
        stores = open_stores(StoreSpec(sqlite=str(tmp_path / "keys.sqlite")))
        await stores.ledger.reserve("a", [line], 1, 10**18)
        await stores.ledger.settle("a", {line.account: 120}, 1)
        await stores.close()

    asyncio.run(used())
    found = json.loads(run("budgets", file, "--tenant", "acme", "--json")[1])
    assert found == [
        {"whose": f"key {key.split('_')[1]}", "of": "cost", "period": "ever",
         "limit": 2.5, "used": 0, "held": 0, "overrun": 0, "left": 2.5},
        {"whose": "tenant acme", "of": "tokens", "period": "ever",
         "limit": 100, "used": 100, "held": 0, "overrun": 20, "left": 0},
    ]  # fmt: skip
    _, shown = run("budgets", file, "--tenant", "acme")
    assert "tenant acme  tokens ever  used 100  held 0  left 0  limit 100  overrun 20" in shown
    assert "cost ever  used 0  held 0  left 2.5  limit 2.5  overrun 0" in shown
    assert run("budgets", file, "--tenant", "acm")[0] == 2
