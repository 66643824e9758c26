"""A real Prometheus beside a real cluster, and the traffic that gives every series something to say."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

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


@contextmanager
def prometheus(folder: Path, *, scraped: int, key: str, rules: str) -> Iterator[Prometheus]:
    """Scrape the gateway on the port *scraped* every second for the length of the block, with the rules of a file."""
    binary, port = program("prometheus"), free_port()
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    config = {
        "global": {"scrape_interval": f"{STEP_S}s", "evaluation_interval": f"{STEP_S}s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            {
                "job_name": "tercet",
                "authorization": {"credentials": key},
                "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}],
            }
        ],
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


class Callers:
    """Clients of one gateway, with a key."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60)
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
