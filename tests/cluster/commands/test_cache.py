"""``tercet cache`` on the command line, where nothing runs any more: what is kept for the next start is forgotten."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.commands import cache
from cluster.plan import GatewayPlan, Plan
from cluster.running_plan import RunningPlan, keep
from deployments.answers.opened import FILE
from deployments.answers.sqlite_store import SqliteStore
from deployments.audit.lines import Administered
from tests.deployments.answers.making import KEY, kept
from tests.deployments.audit.keeping import records


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["cache", "forget", *arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the state directory of a cluster that ran, kept an audit trail and has one answer on its disk."""
    monkeypatch.setattr(cache, "state_dir", lambda _: tmp_path)
    settings = {"models": {"dense": {"family": "dense"}}, "default": "dense", "audit": {"enabled": True}}
    gateway = GatewayPlan(replicas=1, host="127.0.0.1", port=8000, settings=settings)
    keep(tmp_path, RunningPlan(plan=Plan(gateway=gateway, pools=(), autoscale={}, costs={})))
    asyncio.run(_put(tmp_path))
    return tmp_path


async def _put(folder: Path) -> None:
    store = SqliteStore(folder / cache.ANSWERS / FILE, 2**20)
    far_s = time.time() + 1000
    answer = kept(since=(await store.word(None)).now, fresh_until_s=far_s, until_s=far_s)
    assert await store.put({KEY: answer}, time.time())
    await store.close()


async def _found(folder: Path) -> bool:
    store = SqliteStore(folder / cache.ANSWERS / FILE, 2**20)
    found = await store.get(KEY, time.time())
    await store.close()
    return found is not None


def test_what_is_named_is_gone_from_the_disk(stopped: Path) -> None:
    """Nothing else is, and the audit trail says who had it done."""
    code, output = run("--tag", "other")
    assert (code, "0 answers" in output, asyncio.run(_found(stopped))) == (0, True, True)
    code, output = run("--model", "dense", "--json")
    assert (code, json.loads(output)) == (0, {"model": "dense", "answers": 1})
    assert not asyncio.run(_found(stopped))
    acts = [line.record for line in records(stopped / "audit") if isinstance(line.record, Administered)]
    assert [(one.action, one.outcome, one.told) for one in acts] == [
        ("cache_forget", "ok", {"tag": "other"}),
        ("cache_forget", "ok", {"model": "dense"}),
    ]


@pytest.mark.parametrize("options", [[], ["--model", "a", "--tag", "b"], ["--tag", "no tag"], ["--tenant", ""]])
def test_wrong_usage_is_refused(stopped: Path, options: list[str]) -> None:
    """Nothing named is not everything."""
    code, _ = run(*options)
    assert code == 2
    assert asyncio.run(_found(stopped))


def test_where_nothing_ever_ran_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence."""
    monkeypatch.setattr(cache, "state_dir", lambda _: tmp_path)
    assert run("--tenant", "acme") == (1, "tercet cache: no Tercet has run here: give its gateway's --port.")
