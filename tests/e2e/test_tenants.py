"""Tenants of the trio, whose engines run already: keys, limits, budgets and costs, for clients and for operators."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import yaml

from tests.e2e.long_text import LONG
from tests.e2e.trio import POOLS, laptop
from tests.serving import TERCET, Serving, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PER_HOUR, BUDGET = 3.6, 400
TENANTS: dict[str, Any] = {
    "shop": {"weight": 3},
    "trial": {"allow": ["distilled"], "each_key": {"requests_per_minute": 2}},
    "poor": {"limits": {"budgets": [{"tokens": BUDGET, "per": "ever"}]}},
    "clinic": {"stay_local": True, "limits": {"budgets": [{"cost": 0.05, "per": "day"}, {"compute": "60s"}]}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """The cluster while it asks who calls: its document, and whom to ask for what."""

    cluster: Serving
    file: Path

    def key(self, tenant: str, *options: str) -> str:
        return tercet("keys", "create", str(self.file), "--tenant", tenant, *options)

    def client(self, key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.cluster.url}/v1", api_key=key, max_retries=0, timeout=120)

    def costs(self, *options: str) -> dict[str, dict[str, Any]]:
        told = tercet("cost", "--port", str(self.cluster.port), "--json", "--by", "tenant", *options)
        return {group["tenant"]: group for group in json.loads(told)["groups"]}


@pytest.fixture(scope="module")
def governed(trio: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    """Have the running cluster ask who calls, and in the end nobody any more."""
    folder = tmp_path_factory.mktemp("tenants")
    config = laptop()
    config["graph"]["long"] = LONG
    for model in config["models"].values():
        model["cost_per_hour"] = PER_HOUR
    file = folder / "tenants.yaml"
    access = {"store": {"sqlite": str(folder / "accounts.sqlite")}}
    file.write_text(yaml.safe_dump({**config, "access": access, "tenants": TENANTS}))
    engines = {process.pid for process in trio.engine_cores()}
    tercet("apply", str(file), "--port", str(trio.port))
    try:
        yield Governed(cluster=trio, file=file)
    finally:
        tercet("apply", str(trio.file), "--port", str(trio.port))
    assert {process.pid for process in trio.engine_cores()} == engines


def tercet(*arguments: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run([TERCET, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def said(client: openai.OpenAI, model: str = "dense", **more: Any) -> Any:
    """Ask, and return the answer with its headers."""
    asked = {"messages": [{"role": "user", "content": "Say something."}], "max_tokens": 16, **more}
    return client.chat.completions.with_raw_response.create(model=model, **asked)


def test_who_shows_no_key_gets_nothing(governed: Governed) -> None:
    """Neither an answer nor a list; a key opens what its tenant may have, and nothing else is there for it."""
    for wrong in (governed.client("none"), governed.client("tercet_0123456789abcdef_" + "x" * 40)):
        with pytest.raises(openai.AuthenticationError):
            wrong.models.list()
        with pytest.raises(openai.AuthenticationError):
            said(wrong)
    assert httpx.post(f"{governed.cluster.url}/v1/chat/completions", json={}).status_code == 401
    shop, trial = governed.client(governed.key("shop")), governed.client(governed.key("trial"))
    assert {*POOLS, "auto"} <= {model.id for model in shop.models.list()}
    assert [model.id for model in trial.models.list()] == ["distilled"]
    assert said(shop, "auto").parse().choices[0].message.content
    with pytest.raises(openai.NotFoundError):
        said(trial, "dense")


def test_limits_are_told_before_they_are_met(governed: Governed) -> None:
    """Then the client is told how long to wait."""
    trial = governed.client(governed.key("trial"))
    left = [said(trial, "distilled").headers["x-ratelimit-remaining-requests"] for _ in range(2)]
    assert left == ["1", "0"]
    with pytest.raises(openai.RateLimitError) as refused:
        said(trial, "distilled")
    assert refused.value.code == "rate_limit_exceeded"
    assert 0 < int(refused.value.response.headers["retry-after"]) <= 60
    assert refused.value.response.headers["x-ratelimit-limit-requests"] == "2"


def test_a_crowd_ends_within_its_budget(governed: Governed) -> None:
    """What was charged is what was answered, to the token; whoever is turned away had nothing done for it."""
    poor = governed.client(governed.key("poor"))

    def asked(_: int) -> tuple[int, str | None]:
        try:
            answer = said(poor, max_tokens=24, extra_body={"ignore_eos": True}).parse()
        except openai.RateLimitError as error:
            return 0, error.code
        return answer.usage.total_tokens, None

    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(asked, range(16)))
    used = sum(tokens for tokens, _ in answers)
    (budget,) = json.loads(tercet("keys", "budgets", str(governed.file), "--tenant", "poor", "--json"))
    assert (budget["used"], budget["held"], budget["overrun"]) == (used, 0, 0)
    assert BUDGET / 4 < used <= BUDGET
    assert {code for _, code in answers} == {None, "budget_exhausted"}


def test_what_a_request_costs_is_what_is_kept_of_it(governed: Governed) -> None:
    """In the answer's usage and its headers, in the tenant's budgets, and in the books, which miss no second."""
    clinic = governed.client(governed.key("clinic"))
    told = paid = 0.0
    for model in (*POOLS, "auto"):
        answer = said(clinic, model, max_tokens=40, extra_body={"usage": {"include": True}, "ignore_eos": True})
        cost = json.loads(answer.content)["usage"]["cost"]
        assert float(answer.headers["x-tercet-cpu-seconds"]) == pytest.approx(cost["cpu_seconds"], rel=1e-3)
        told, paid = told + cost["cpu_seconds"], paid + cost["amounts"]["usd"]

    def kept() -> Any:
        found = governed.costs("--idle", "apart")
        clinic = found.get("clinic", {"calls": 0})
        return found if clinic["calls"] == 4 and clinic["cpu_seconds"] == pytest.approx(told, rel=0.01) else None

    groups = until(kept, within_s=20, what="each second that the tenant was told of is kept")
    clinic_s = groups["clinic"]["seconds"]
    assert groups["clinic"]["machines"]["usd"] == pytest.approx(paid, rel=0.01)
    assert paid == pytest.approx(clinic_s * PER_HOUR / 3600, rel=0.01)
    budgets = json.loads(tercet("keys", "budgets", str(governed.file), "--tenant", "clinic", "--json"))
    used = {budget["of"]: budget["used"] for budget in budgets}
    assert used == {"compute": pytest.approx(told, rel=0.01), "cost": pytest.approx(paid, rel=0.01)}
    # What nobody used is dealt out, and nothing is lost by it.
    whole_s = sum(one["seconds"] for one in groups.values())
    assert sum(one["seconds"] for one in governed.costs().values()) >= whole_s > 10 * clinic_s
