"""The chart's demonstration: what ``helm install`` serves, on real Ray with real engines.

It answers the openai client. Upgraded by what an operator would add, it is scraped as the chart's own monitors say:
every panel of the chart's dashboards has data, and its rules go off when there is too much to do.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import yaml

from cluster.declared.groups import GATEWAY, offered
from cluster.ports import free_ports
from tests.charts.scraped import NAMESPACE, Pod, jobs
from tests.charts.tools import objects, of_kind, profile, rendered, serve_config
from tests.declared import HEAD, Declared, declared, machine_ports
from tests.e2e.clusters import OneAtATime
from tests.integration.counting import COUNTED, GRAPH, MANY, busy
from tests.integration.observing import (
    Callers,
    Prometheus,
    hurried,
    prometheus,
    queries,
    values,
    without_data,
)
from tests.prometheus import program
from tests.serving import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

READY_WITHIN_S = 800
POOLS = ("dense", "moe", "distilled")
HEADS, GATEWAYS, ENGINES = (
    Pod("t-head", "head", HEAD),
    Pod("t-gateway", "gateway", "127.0.0.3"),
    Pod("t-engines", "engines", "127.0.0.4"),
)


class Demonstration:
    """The cluster, its machines' ports, and what the chart has of it."""

    def __init__(self, one: Declared, folder: Path, ports: dict[Pod, dict[str, int]]) -> None:
        self.one, self.folder, self.ports = one, folder, ports
        self.url = f"http://{GATEWAYS.ip}:{one.ports['serve']}"
        self.operators = f"{GATEWAYS.ip}:{ports[GATEWAYS]['admin']}"

    def upgrade(self, found: list[dict[str, Any]]) -> None:
        """Have it serve what the chart's objects say, as the first time and after ``helm upgrade``."""
        result = self.one.deploy(serve_config(found), within_s=READY_WITHIN_S)
        assert result.returncode == 0, result.stderr + self.one.log

    def network(self) -> dict[str, str]:
        """Return where each address is that the chart's monitors name."""
        own = {f"{pod.ip}:8080": f"{pod.ip}:{ports['export']}" for pod, ports in self.ports.items()}
        return own | {
            f"{GATEWAYS.ip}:9101": f"{GATEWAYS.ip}:{self.ports[GATEWAYS]['haproxy']}",
            f"t-tercet-metrics-gateway.{NAMESPACE}.svc:{self.ports[GATEWAYS]['admin']}": self.operators,
        }


@pytest.fixture(scope="module")
def demonstration(clusters: OneAtATime) -> Iterator[Demonstration]:
    """Deploy the Serve config of the rendered chart on a machine for each of its pods."""
    clusters.close()
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="t-", dir="/tmp", ignore_cleanup_errors=True))
        )
        one = stack.enter_context(declared(folder, cpus=0, offers={}))
        ports = {HEADS: one.ports, GATEWAYS: machine_ports() | free_ports(["admin"]), ENGINES: machine_ports()}
        stack.enter_context(one.machine(3, cpus=0, offers={GATEWAY: 1}, ports=ports[GATEWAYS]))
        stack.enter_context(one.machine(4, cpus=4, offers={offered("engines"): 1}, ports=ports[ENGINES]))
        found = Demonstration(one, folder, ports)
        found.upgrade(objects(rendered()))
        yield found


def test_the_demonstration_answers_the_openai_client(demonstration: Demonstration) -> None:
    """The three models, and the graph's own choice."""
    client = openai.OpenAI(base_url=f"{demonstration.url}/v1", api_key="none", timeout=120)
    assert {"auto", *POOLS} <= {one.id for one in client.models.list()}
    for model in (*POOLS, "auto"):
        answer = client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "What is the capital of France?"}],
            max_tokens=24,
            temperature=0,
        )
        assert answer.usage is not None
        assert answer.usage.completion_tokens > 0
        if model in {"dense", "moe"}:
            assert "Paris" in (answer.choices[0].message.content or "")


def extended(accounts: Path, admin_port: int) -> dict[str, Any]:
    """Return the values that an operator adds to the profile: goals, tenants, a node of each kind, and monitoring.

    Nothing here restarts an engine. With ``max_waiting: 0`` moe takes its 16 sequences and turns the rest away, and
    distilled may be put to sleep.
    """
    on = {"enabled": True}
    token = {"name": "tercet-admin", "key": "token"}
    told = {"distilled": {"replicas": {"min": 0}}, "moe": {"max_waiting": 0}}
    return {
        "config": {
            "models": {name: {"cost_per_hour": 2.0, **told.get(name, {})} for name in POOLS},
            "graph": GRAPH,
            "gateway": {"admin": {"host": "0.0.0.0", "port": admin_port}},  # noqa: S104 - a value
            "access": {"open": False, "store": {"sqlite": str(accounts)}},
            **COUNTED,
            "autoscale": {"policy": "queue", "hold": {"down": "10m"}},
        },
        "monitoring": {
            "podMonitor": {**on, "interval": "1s", "token": token},
            "prometheusRule": on,
            "dashboards": on,
        },
    }


@dataclass
class Observed:
    """What scrapes the demonstration, its operators and callers, its dashboards' queries and its engines of before."""

    server: Prometheus
    operators: httpx.Client
    callers: dict[str, Callers]
    asked: list[tuple[str, str]]
    engines: dict[str, set[str]]


@pytest.fixture(scope="module")
def observed(demonstration: Demonstration) -> Iterator[Observed]:
    """Upgrade the demonstration, and have Prometheus read what the chart carries for it."""
    program("prometheus")
    one, folder = demonstration.one, demonstration.folder
    upgraded = extended(folder / "accounts.sqlite", demonstration.ports[GATEWAYS]["admin"])
    found = objects(rendered(profile("cpu-demo"), values=upgraded))
    engines = {pool: one.replicas(pool) for pool in POOLS}
    demonstration.upgrade(found)
    document = folder / "document.yaml"
    config = one.here(serve_config(found))
    document.write_text(yaml.safe_dump(config["applications"][0]["deployments"][0]["user_config"]["document"]))

    def key(tenant: str, *more: str) -> str:
        made = one.tercet("keys", "create", str(document), "--tenant", tenant, *more)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    operator = key("operators", "--admin")
    secrets = {"tercet-admin/token": operator}
    scrapes = list(jobs(found, (HEADS, GATEWAYS, ENGINES), secrets, demonstration.network()))
    (rules,) = of_kind(found, "PrometheusRule")
    boards = [text for one in of_kind(found, "ConfigMap") for name, text in one["data"].items() if "tercet-" in name]
    asked = queries(boards, pool=".*", namespace=NAMESPACE)
    header = {"authorization": f"Bearer {operator}"}
    with (
        prometheus(folder, jobs=scrapes, rules=hurried(yaml.safe_dump(rules["spec"]))) as server,
        httpx.Client(base_url=f"http://{demonstration.operators}", headers=header, timeout=30) as operators,
    ):
        callers = {tenant: Callers(demonstration.url, key(tenant)) for tenant in ("acme", "poor")}
        try:
            yield Observed(server, operators, callers, asked, engines)
        finally:
            for caller in callers.values():
                caller.close()


def test_the_upgrade_restarted_no_engine(demonstration: Demonstration, observed: Observed) -> None:
    """Goals, tenants, keys and a graph are told to gateways while the models of before go on."""
    assert {pool: demonstration.one.replicas(pool) for pool in POOLS} == observed.engines


def test_the_charts_monitors_find_every_pod(observed: Observed) -> None:
    """Ray's, HAProxy's and Tercet's metrics, each figure once and with the labels of its own pod."""
    server = observed.server
    # Ray's and Tercet's of three pods, and HAProxy's of the gateway's.
    until(lambda: server.targets() == ["up"] * 7, within_s=30, what=f"all targets are up: {server.targets()}")

    def homes(series: str) -> list[str]:
        return sorted(
            line["metric"]["pod"] for line in server.over_time(series) if line["metric"]["namespace"] == "llm"
        )

    until(lambda: homes("tercet_engine_running"), within_s=20, what="a scrape of the engines")
    assert homes("tercet_engine_running") == [ENGINES.name] * len(POOLS)
    assert set(homes("tercet_requests_active")) == {GATEWAYS.name}
    assert set(homes("haproxy_process_uptime_seconds")) == {GATEWAYS.name}
    assert set(homes("ray_node_mem_used")) == {HEADS.name, GATEWAYS.name, ENGINES.name}


def test_an_overload_sets_the_alert_off_that_the_chart_carries(observed: Observed) -> None:
    """It is quiet while requests are answered, and goes off once a pool has turned many away."""
    acme = observed.callers["acme"]
    for number in range(4):
        assert acme.ask("distilled", f"{number} words").status_code == 200
    judged = 'tercet:goal_missed:ratio_rate1h{goal="answered",namespace="llm"}'
    until(lambda: values(observed.server.over_time(judged))[-1:] == ["0"], within_s=30, what="a goal without a miss")
    assert "TercetErrorBudgetBurn" not in observed.server.firing()

    def off() -> bool:
        assert {200, 503} <= set(acme.flood(MANY, "moe", "More than it takes"))
        return "TercetErrorBudgetBurn" in observed.server.firing()

    until(off, within_s=90, what=f"the alert goes off; now: {observed.server.firing()}")


def test_every_panel_of_the_chart_has_data(observed: Observed) -> None:
    """None is left out: a pool falls asleep and is woken, a node of each kind counts, and each query finds it."""
    _fall_asleep(observed.operators, "distilled")
    assert observed.callers["acme"].ask("distilled", "Wake up").status_code == 200
    busy(observed.callers, scarce="moe")
    missing = without_data(observed.server, observed.asked, within_s=30)
    assert not missing, "\n".join(missing)


def _fall_asleep(operators: httpx.Client, pool: str) -> None:
    """Have an operator give up all replicas of a pool; the next request is one for a start."""
    pin = {"pool": pool, "replicas": 0, "for": "10m", "why": "a test"}
    assert operators.post("/admin/scale/pin", json=pin).status_code == 200
    until(lambda: _ready(operators, pool) == 0, within_s=60, what=f"{pool} without a replica")
    assert operators.post("/admin/scale/unpin", json={"pool": pool}).status_code == 200


def _ready(operators: httpx.Client, pool: str) -> int:
    stages: dict[str, int] = operators.get(f"/admin/scale/{pool}").json()["stages"]
    return stages.get("ready", 0)
