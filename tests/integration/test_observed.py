"""Dashboards and alerts over a real run: two gateways, synthetic engines, and a Prometheus that scrapes them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.config import Config
from cluster.rendering.grafana import dashboards
from cluster.rendering.rules import rules_file
from tests.integration.counting import COUNTED, GRAPH, MAIL, busy
from tests.integration.observing import (
    Callers,
    Prometheus,
    hurried,
    job,
    prometheus,
    queries,
    values,
    without_data,
)
from tests.otlp import Receiver, receiver
from tests.prometheus import program
from tests.serving import TERCET, Serving, serving, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]


def pool(family: str, base_ms: int, **more: Any) -> dict[str, Any]:
    return {
        "family": family,
        "source": "synthetic",
        "runtime": "synthetic",
        "synthetic": {"slots": 4, "step": {"base_ms": base_ms}, "start_up": "4s"},
        "slo": {"ttft_p95": "2s", "tpot_p95": "500ms"},
        "cost_per_hour": 2.0,
        "max_waiting": 200,
        **more,
    }


def document(folder: Path) -> dict[str, Any]:
    """Return a document whose graph has a node of each kind that counts something."""
    return {
        "models": {
            "dense": pool("dense", 20, replicas={"min": 1, "max": 2}),
            "distilled": pool("distilled", 5),
            "scarce": pool("moe", 200, max_waiting=0),
        },
        "graph": GRAPH,
        "default": "counted",
        "gateway": {"replicas": 2},
        "telemetry": {"gen_ai_metrics": True},
        "access": {"store": {"sqlite": str(folder / "accounts.sqlite")}},
        **COUNTED,
    }


class Observed:
    """A cluster, its callers by tenant, and what scrapes it."""

    def __init__(self, one: Serving, server: Prometheus, traces: Receiver, keys: dict[str, str]) -> None:
        self.one, self.server, self.traces = one, server, traces
        self.callers = {tenant: Callers(one.url, key) for tenant, key in keys.items()}


def key(file: Path, tenant: str, *more: str) -> str:
    command = [TERCET, "keys", "create", str(file), "--tenant", tenant, *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    program("prometheus")
    folder = tmp_path_factory.mktemp("observed")
    raw = document(folder)
    rules = hurried(rules_file(Config.model_validate(raw)))
    with (
        receiver(folder) as traces,
        serving(raw, folder, ready_within_s=120, env={"OTEL_EXPORTER_OTLP_ENDPOINT": traces.url}) as one,
    ):
        keys = {tenant: key(one.file, tenant) for tenant in ("acme", "poor")}
        operator = key(one.file, "operators", "--admin")
        with prometheus(folder, jobs=[job(one.port, operator)], rules=rules) as server:
            until(lambda: server.targets() == ["up"], within_s=20, what=f"a scrape succeeds: {server.targets()}")
            found = Observed(one, server, traces, keys)
            try:
                busy(found.callers, scarce="scarce")
                yield found
            finally:
                for caller in found.callers.values():
                    caller.close()


def test_every_panel_has_data(observed: Observed) -> None:
    """Each of its queries, run by Prometheus over the whole run."""
    missing = without_data(observed.server, queries(dashboards().values(), pool=".*", namespace=".*"), within_s=30)
    assert not missing, "\n".join(missing)


def test_one_scrape_has_every_process(observed: Observed) -> None:
    """Two gateways and all replicas, whichever gateway was asked, and no counter ever goes back."""
    server = observed.server

    def both_told() -> bool:
        """The first scrapes may know of one gateway alone, and any scrape may miss one."""
        told = server.over_time('tercet_exposition_processes{kind="gateway",outcome="told"}')
        return values(told)[-1:] == ["2"]

    until(both_told, within_s=20, what="a scrape with both gateways")
    assert len({line["metric"]["gateway"] for line in server.over_time("tercet_requests_active")}) == 2
    pools = {line["metric"]["pool"] for line in server.over_time("tercet_engine_running")}
    assert pools == {"dense", "distilled", "scarce"}
    assert set(values(server.over_time("sum(resets(tercet_requests_total[5m]))"))) == {"0"}
    assert set(values(server.over_time("sum(resets(tercet_engine_generated_tokens_total[5m]))"))) == {"0"}


def test_an_overload_sets_the_alerts_off(observed: Observed) -> None:
    """The burn of a goal's budget, and the budget of the tenant that has used it up."""

    def off() -> bool:
        observed.callers["acme"].flood(6, "scarce", "More than it takes")
        return {"TercetErrorBudgetBurn", "TercetBudgetExhausted"} <= observed.server.firing()

    until(off, within_s=60, what=f"alerts go off; now: {observed.server.firing()}")


def test_the_status_tells_what_is_left_of_each_budget(observed: Observed) -> None:
    """Without any Prometheus."""
    goals = {one["goal"]: one for one in observed.one.status()["goals"]}
    assert goals["answered"]["missed"] > 0
    assert goals["answered"]["budget_left"] < 0 < goals["quick"]["judged"]


def test_a_figure_leads_to_its_trace(observed: Observed) -> None:
    """From a bucket in Prometheus to spans of the gateway and of the engine replica, in two processes."""
    found = observed.server.exemplars("tercet_ttft_seconds_bucket")
    linked = {one["labels"]["trace_id"] for series in found for one in series["exemplars"]}
    assert linked

    def whole(spans: list[dict[str, Any]]) -> bool:
        services: dict[str, set[str]] = {}
        for span in spans:
            services.setdefault(span["trace"], set()).add(span["service"])
        return any(services.get(trace) == {"tercet-gateway", "tercet-engine"} for trace in linked)

    spans = observed.traces.until(whole)
    assert MAIL not in str(spans)


def test_opentelemetry_s_names_are_there_as_well(observed: Observed) -> None:
    """Where the document asks for them."""
    for name in ("server_request_duration_seconds", "server_time_to_first_token_seconds", "client_token_usage"):
        assert values(observed.server.over_time(f"sum(gen_ai_{name}_count)")), name
