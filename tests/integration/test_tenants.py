"""Keys, limits and budgets in a whole cluster with two gateways: real Ray, real Serve, synthetic engines."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cluster.ports import free_ports
from deployments.request import Request
from deployments.tenancy.accounting.prompt_bound import prompt_bound
from deployments.tenancy.assembly import open_stores
from deployments.tenancy.holding import PARTS
from deployments.tenancy.ledger.lines import Statement
from deployments.tenancy.spec import StoreSpec
from tests.serving import TERCET, Serving, serving, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

CHAT = "/v1/chat/completions"
ACCOUNT = "tenant acme|tokens|ever"
REVOKED_WITHIN_S = 5.0
LEASE_S = 10
BUDGET = 400
SAID = [{"role": "user", "content": "hi"}]
# What a request holds that asks for eight tokens: so much is left of a budget at the most once one is refused.
HELD = prompt_bound(Request(endpoint="chat", model="dense", body={"messages": SAID})) + 8


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return a document with two gateways, a port for operators and one tenant."""
    folder = tmp_path_factory.mktemp("accounts")
    pool = {"family": "dense", "source": "none", "runtime": "synthetic", "synthetic": {"step": {"base_ms": 20}}}
    return {
        "models": {"dense": pool},
        "gateway": {"replicas": 2, "admin": {"port": free_ports(["admin"])["admin"]}},
        "access": {"store": {"sqlite": str(folder / "accounts.sqlite")}, "lease": f"{LEASE_S}s"},
        "tenants": {"acme": {"limits": {"budgets": [{"tokens": 1_000_000, "per": "ever"}]}}},
    }


@pytest.fixture(scope="module")
def cluster(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(document, tmp_path_factory.mktemp("serve"), ready_within_s=120) as one:
        yield one


def tercet(*arguments: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run([TERCET, *arguments], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def key(cluster: Serving, *options: str) -> str:
    return tercet("keys", "create", str(cluster.file), "--tenant", "acme", *options)


def asked(cluster: Serving, credential: str, **more: Any) -> httpx.Response:
    """Ask on a connection of its own, which any of the gateways may get."""
    headers = {"authorization": f"Bearer {credential}", "connection": "close"}
    body = {"messages": SAID, "max_tokens": 2, **more}
    return httpx.post(cluster.url + CHAT, json=body, headers=headers, timeout=30)


def account(document: dict[str, Any], name: str = ACCOUNT) -> Statement:
    """Read a budget's account beside the gateways."""

    async def read() -> Statement:
        stores = open_stores(StoreSpec.model_validate(document["access"]["store"]))
        try:
            return await stores.ledger.statement(name, time.time_ns() // 1000)
        finally:
            await stores.close()

    return asyncio.run(read())


def test_a_key_works_on_every_gateway_until_it_is_revoked(cluster: Serving) -> None:
    """Revoked on the command line, it is refused everywhere within five seconds."""
    secret = key(cluster)
    assert asked(cluster, "tercet_nobody").status_code == 401
    assert [asked(cluster, secret).status_code for _ in range(8)] == [200] * 8
    tercet("keys", "revoke", str(cluster.file), secret.split("_")[1])
    began_s = time.monotonic()
    until(lambda: {asked(cluster, secret).status_code for _ in range(8)} == {401}, within_s=20, what="revoked")
    assert time.monotonic() - began_s < REVOKED_WITHIN_S
    assert any("who shows a key, of 1 tenant" in line for line in cluster.lines)


def test_operators_have_a_port_of_their_own(cluster: Serving, document: dict[str, Any]) -> None:
    """And clients none of it."""
    headers = {"authorization": f"Bearer {key(cluster, '--admin')}"}
    there = f"http://127.0.0.1:{document['gateway']['admin']['port']}"
    made = httpx.post(f"{there}/admin/keys", json={"tenant": "acme"}, headers=headers, timeout=10).json()
    assert asked(cluster, made["key"]).status_code == 200
    assert httpx.get(f"{cluster.url}/admin/keys", headers=headers, timeout=10).status_code == 403
    assert httpx.get(f"{there}/admin/keys", timeout=10).status_code == 401


def test_a_crowd_ends_within_its_budget(cluster: Serving, document: dict[str, Any]) -> None:
    """Sixty at once through both gateways; what was charged is what was answered, and the rest can still be spent."""
    secret = key(cluster, "--limits", f"{{budgets: [{{tokens: {BUDGET}, per: ever}}]}}")
    with ThreadPoolExecutor(60) as crowd:
        answers = list(crowd.map(lambda _: asked(cluster, secret, max_tokens=8), range(60)))
    assert any(answer.status_code == 200 for answer in answers)
    name = f"key {secret.split('_')[1]}|tokens|ever"
    for _ in range(BUDGET):
        until(lambda: account(document, name).reserved == 0, within_s=20, what="all of it settled")
        answers.append(asked(cluster, secret, max_tokens=8))
        if answers[-1].status_code != 200:
            break
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {answer.json()["error"]["code"] for answer in refused} == {"budget_exhausted"}
    used = sum(answer.json()["usage"]["total_tokens"] for answer in answers if answer.status_code == 200)
    kept = account(document, name)
    assert (kept.settled, kept.reserved, kept.overrun) == (used, 0, 0)
    assert BUDGET - HELD < used <= BUDGET


def test_what_a_killed_gateway_held_comes_back(cluster: Serving, document: dict[str, Any]) -> None:
    """After its lease; what was delivered until then stays charged."""
    secret = key(cluster)
    before = account(document)
    headers = {"authorization": f"Bearer {secret}"}
    body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2000, "ignore_eos": True, "stream": True}
    try:
        with httpx.stream("POST", cluster.url + CHAT, json=body, headers=headers, timeout=60) as answer:
            lines = (line for line in answer.iter_lines() if line)
            for _ in range(40):
                next(lines)
            assert account(document).reserved > 2000
            for process in cluster.gateways():
                process.kill()
            for _ in lines:
                pass
    except httpx.TransportError:
        pass
    until(lambda: account(document).reserved == 0, within_s=3 * LEASE_S, what="the hold given back")
    charged = account(document).settled - before.settled
    assert 40 <= charged <= 40 + 2100 / PARTS + 100
    until(lambda: _well(cluster, secret), within_s=60, what="gateways started anew")


def _well(cluster: Serving, secret: str) -> bool:
    try:
        return asked(cluster, secret).status_code == 200
    except httpx.TransportError:
        return False


def test_new_limits_hold_without_a_restart(cluster: Serving, document: dict[str, Any], tmp_path: Path) -> None:
    """After ``tercet apply``, on both gateways together; the last test, since nothing takes them back."""
    secret = key(cluster)
    acme = {"limits": {**document["tenants"]["acme"]["limits"], "requests_per_minute": 3}}
    file = tmp_path / "changed.yaml"
    file.write_text(yaml.safe_dump({**document, "tenants": {"acme": acme}}))
    before = {process.pid for process in cluster.gateways()}
    tercet("apply", str(file), "--port", str(cluster.port), "--wait", "60")
    codes = [asked(cluster, secret).status_code for _ in range(6)]
    assert codes == [200] * 3 + [429] * 3
    assert {process.pid for process in cluster.gateways()} == before
