"""A real Prometheus beside a real cluster, and clients of that cluster."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from cluster.rendering.panel import RANGE
from tests.prometheus import program
from tests.serving import free_port, until

STEP_S = 1


class Prometheus:
    """One server, asked over HTTP."""

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10)
        self.began_s = time.time()

    def ready(self) -> bool:
        """Say whether it answers."""
        try:
            return self._http.get("/status/runtimeinfo").status_code == 200
        except httpx.HTTPError:
            return False

    def over_time(self, expr: str) -> list[dict[str, Any]]:
        """Return every line of *expr* from the beginning until now; fails with what Prometheus says is wrong."""
        asked = {"query": expr, "start": self.began_s, "end": time.time(), "step": STEP_S}
        return self._told(self._http.get("/query_range", params=asked))

    def firing(self) -> set[str]:
        """Return the names of the alerts that go off now."""
        alerts = self._http.get("/alerts").json()["data"]["alerts"]
        return {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}

    def exemplars(self, series: str) -> list[dict[str, Any]]:
        """Return the exemplars of a series."""
        asked = {"query": series, "start": self.began_s, "end": time.time()}
        found: list[dict[str, Any]] = self._http.get("/query_exemplars", params=asked).json()["data"]
        return found

    def targets(self) -> list[str]:
        """Return the health of each target, and why."""
        told = self._http.get("/targets").json()["data"]["activeTargets"]
        return [f"{one['health']} {one['lastError']}".strip() for one in told]

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    @staticmethod
    def _told(answer: httpx.Response) -> list[dict[str, Any]]:
        told = answer.json()
        assert told["status"] == "success", told
        found: list[dict[str, Any]] = told["data"]["result"]
        return found


def job(scraped: int, key: str) -> dict[str, Any]:
    """Return the job that scrapes one gateway for the whole cluster."""
    return {
        "job_name": "tercet",
        "authorization": {"credentials": key},
        "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}],
    }


def hurried(rules: str) -> str:
    """Return the rules with shorter waits: what they say is tested with promtool."""
    return rules.replace("interval: 2m", "interval: 1s").replace("for: 120s", "for: 2s")


@contextmanager
def prometheus(folder: Path, *, jobs: Sequence[Mapping[str, Any]], rules: str) -> Iterator[Prometheus]:
    """Scrape *jobs* every second for the length of the block, with the rules of a file, which is given as text."""
    binary, port = program("prometheus"), free_port()
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    config = {
        "global": {"scrape_interval": f"{STEP_S}s", "evaluation_interval": f"{STEP_S}s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [dict(one) for one in jobs],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                binary, f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    server = Prometheus(port)
    try:
        until(server.ready, within_s=30, what="Prometheus answers")
        yield server
    finally:
        server.close()
        process.terminate()
        process.wait(timeout=30)


def queries(dashboards: Iterable[str], **chosen: str) -> list[tuple[str, str]]:
    """Return every query of dashboards as Grafana has them, under its panel's title, its variables being *chosen*."""
    found: list[tuple[str, str]] = []
    for board in map(json.loads, dashboards):
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                expr = target["expr"].replace(RANGE, "10s")
                for name, value in chosen.items():
                    expr = expr.replace(f"${name}", value)
                assert "$" not in expr, expr
                found.append((f"{board['title']}: {panel['title']}", expr))
    return found


def values(lines: list[dict[str, Any]]) -> list[str]:
    """Return all that the lines of a query show."""
    return [value for line in lines for _, value in line["values"] if value != "NaN"]


def without_data(server: Prometheus, asked: Sequence[tuple[str, str]], *, within_s: float) -> list[str]:
    """Return the queries that show nothing over the whole run; a counter that appears has not grown yet."""
    missing, deadline_s = list(asked), time.monotonic() + within_s
    while missing := [(name, expr) for name, expr in missing if not values(server.over_time(expr))]:
        if time.monotonic() > deadline_s:
            break
        time.sleep(1)
    return [f"{name}: {expr}" for name, expr in missing]


class Callers:
    """Clients of one gateway, with a key."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=120)
        self._pool = ThreadPoolExecutor(32)

    def ask(self, model: str, prompt: str, **body: Any) -> httpx.Response:
        """Send one chat completion."""
        said = [{"role": "user", "content": prompt}]
        return self._http.post("/v1/chat/completions", json={"model": model, "messages": said, "max_tokens": 4, **body})

    def complete(self, model: str, prompt: str) -> httpx.Response:
        """Send one completion that may be merged with others."""
        body = {"model": model, "prompt": prompt, "max_tokens": 4}
        return self._http.post("/v1/completions", json=body, headers={"x-tercet-batch": "yes"})

    def flood(self, count: int, model: str, prompt: str, **body: Any) -> list[int]:
        """Send the same request *count* times at once; return the statuses."""
        sent = [self._pool.submit(self.ask, model, prompt, **body) for _ in range(count)]
        return [one.result().status_code for one in sent]

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.shutdown()
        self._http.close()
