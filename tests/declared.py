"""A declared cluster under test: Ray as the chart starts it, on loopback, with the Serve config that it carries."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from cluster.haproxy import command
from cluster.ports import free_ports
from cluster.rendering.pod_environment import CACHE, CONNECTIONS, STATE, pod_environment
from deployments.engines.checkpoints.store import cache_directory
from tests.serving import TERCET, titled, until

RAY = str(Path(sys.executable).with_name("ray"))
HEAD = "127.0.0.2"
TOKEN = "0123456789abcdef" * 4
_SERVE_PORTS = {
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": "fallback_http",
    "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": "fallback_grpc",
    "RAY_SERVE_HAPROXY_STATS_PORT": "stats",
    "RAY_SERVE_HAPROXY_METRICS_PORT": "haproxy",
}
_RAY_PORTS = ("gcs", "dashboard", "agent", "export", "runtime_env", "client")


class Declared:
    """Ray's head with what its machines offer, and ways to hand it a Serve config and to ask what it serves."""

    def __init__(self, directory: Path, *, cpus: int, offers: Mapping[str, float]) -> None:
        self._directory = directory
        self.ports = free_ports([*_SERVE_PORTS.values(), *_RAY_PORTS, "serve"])
        self.url = f"http://127.0.0.1:{self.ports['serve']}"
        self.dashboard = f"http://127.0.0.1:{self.ports['dashboard']}"
        self.environment = {**os.environ, **self._variables(directory)}
        self.first = ""
        with (directory / "head.log").open("w") as log:
            self.process = subprocess.Popen(
                self._start(directory, cpus, offers),
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _variables(self, directory: Path) -> dict[str, str]:
        """Return the chart's environment with places and ports of the test's own."""
        moved = {
            name: value.replace(str(STATE), str(directory)).replace(f"{CACHE}/", f"{directory}/cache/")
            for name, value in pod_environment(300).items()
        }
        haproxy = command(directory / "haproxy")
        return moved | {name: str(self.ports[port]) for name, port in _SERVE_PORTS.items()} | {
            "RAY_SERVE_HAPROXY_BINARY_PATH": haproxy or "",
            CONNECTIONS: "500",
            "HOME": str(directory),
            "TMPDIR": str(directory),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "PYTHONPATH": os.environ.get("PYTHONPATH", str(Path(__file__).parents[1])),
        }  # fmt: skip

    def _start(self, directory: Path, cpus: int, offers: Mapping[str, float]) -> list[str]:
        ports = self.ports
        told = {
            "node-ip-address": HEAD,
            "port": ports["gcs"],
            "dashboard-host": "127.0.0.1",
            "dashboard-port": ports["dashboard"],
            "dashboard-agent-listen-port": ports["agent"],
            "metrics-export-port": ports["export"],
            "runtime-env-agent-port": ports["runtime_env"],
            "ray-client-server-port": ports["client"],
            "num-cpus": cpus,
            "num-gpus": 0,
            "object-store-memory": 100 * 2**20,
            "resources": json.dumps(dict(offers)),
            "temp-dir": directory / "ray",
        }
        options = [f"--{name}={value}" for name, value in told.items()]
        return [RAY, "start", "--head", "--block", "--disable-usage-stats", *options]

    @property
    def log(self) -> str:
        """What went wrong so far, as Serve's and HAProxy's own logs have it."""
        logs = (self._directory / "ray").glob("session_2*/logs/serve/*.log")
        lines = (line for path in logs for line in path.read_text(errors="replace").splitlines())
        return "\n".join(line for line in lines if "ALERT" in line or "Error" in line)[-4000:]

    def wait_up(self, within_s: float) -> None:
        """Wait until the probe of the chart's pods finds the head well."""
        until(self._well, within_s=within_s, what=f"the head well:\n{self.log}")

    def _well(self) -> bool:
        assert self.process.poll() is None, self.log
        with contextlib.suppress(httpx.HTTPError):
            node = httpx.get(f"http://{HEAD}:{self.ports['agent']}/api/healthz", timeout=2)
            return node.status_code == 200 and httpx.get(f"{self.dashboard}/api/version", timeout=2).status_code < 500
        return False

    def deploy(self, config: Mapping[str, Any], *, within_s: float) -> subprocess.CompletedProcess[str]:
        """Hand over *config*, on the test's own port, as the chart's container ``deploy`` does."""
        file = self._directory / "serve.yaml"
        file.write_text(yaml.safe_dump(self.here(config)))
        told = ("deploy", str(file), "--address", self.dashboard, "--within", str(within_s))
        return self.tercet(*told, within_s=within_s + 30)

    def here(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return *config* with the port and the cache of this test."""
        moved: dict[str, Any] = json.loads(json.dumps(config))
        told = moved["applications"][0]["deployments"][0]["user_config"]
        told["document"].setdefault("gateway", {})["port"] = self.ports["serve"]
        told["cache"] = os.environ.get("TERCET_CACHE") or str(cache_directory())  # what tests before have built
        moved["http_options"] = {**moved["http_options"], "host": "127.0.0.1", "port": self.ports["serve"]}
        return moved

    def tercet(self, *arguments: str, within_s: float = 400) -> subprocess.CompletedProcess[str]:
        """Run a command beside Ray."""
        return subprocess.run(
            [TERCET, *arguments], env=self.environment, capture_output=True, text=True, timeout=within_s, check=False
        )

    @property
    def address(self) -> str:
        """Where other machines find the head."""
        return f"{HEAD}:{self.ports['gcs']}"

    def leaves(self, node: str, *, within_s: float) -> subprocess.CompletedProcess[str]:
        """Have a machine drained, as its pod would before it goes."""
        told = {"address": self.address, "port": self.ports["serve"], "node": node, "within": within_s}
        return self.tercet("leave", *(f"--{name}={value}" for name, value in told.items()))

    def processes(self) -> list[psutil.Process]:
        """Return every process of the head."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def replicas(self, pool: str) -> set[str]:
        """Return Serve's names of a pool's replicas; an engine that restarts has another."""
        return {one["replica_id"] for one in self._replicas(pool)}

    def homes(self, pool: str) -> set[str]:
        """Return the machines that a pool's replicas are on."""
        return {one["node_id"] for one in self._replicas(pool)}

    def _replicas(self, pool: str) -> list[dict[str, Any]]:
        told = self._asked("/api/serve/applications/")
        found: list[dict[str, Any]] = told["applications"][f"pool-{pool}"]["deployments"]["Engine"]["replicas"]
        return found

    def _asked(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.get(f"{self.dashboard}{path}", headers=headers, timeout=10).json()

    @contextlib.contextmanager
    def machine(
        self, number: int, *, cpus: int, offers: Mapping[str, float], ports: Mapping[str, int] | None = None
    ) -> Iterator[str]:
        """Run a further machine for the length of the block, with an address of its own; yields Ray's id of it."""
        address, ports = f"127.0.0.{number}", ports or machine_ports()
        told = {
            "address": self.address,
            "node-ip-address": address,
            "num-cpus": cpus,
            "num-gpus": 0,
            "object-store-memory": 100 * 2**20,
            "resources": json.dumps(dict(offers)),
            "min-worker-port": 0,
            "max-worker-port": 0,
            "dashboard-agent-listen-port": ports["agent"],
            "metrics-export-port": ports["export"],
            "runtime-env-agent-port": ports["runtime_env"],
        }
        known = self.environment
        own = {name: str(ports[port]) for name, port in _SERVE_PORTS.items()}
        if known["RAY_SERVE_HAPROXY_BINARY_PATH"]:
            script = self._directory / f"haproxy-{number}"
            listen_at(script, address, known["RAY_SERVE_HAPROXY_BINARY_PATH"])
            own["RAY_SERVE_HAPROXY_BINARY_PATH"] = str(script)
        with (self._directory / f"machine-{number}.log").open("w") as log:
            process = subprocess.Popen(
                [
                    RAY,
                    "start",
                    "--block",
                    "--disable-usage-stats",
                    *(f"--{name}={value}" for name, value in told.items()),
                ],
                env={**known, **own},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield until(lambda: self._node_at(address), within_s=60, what=f"a machine at {address}")
        finally:
            for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            process.wait(timeout=10)

    def _node_at(self, address: str) -> str | None:
        with contextlib.suppress(httpx.HTTPError, KeyError):
            found = [one.get("raylet", {}) for one in self._asked("/nodes?view=summary")["data"]["summary"]]
            return next((one["nodeId"] for one in found if one.get("nodeManagerAddress") == address), None)
        return None

    def stop(self) -> None:
        """End the cluster at once, with whatever is left of it: nobody is answered any more."""
        if self.process.poll() is None:
            for one in [psutil.Process(self.process.pid), *self.processes()]:
                with contextlib.suppress(psutil.Error):
                    one.kill()
        self.process.wait(timeout=10)
        # A proxy that another has taken over from is nobody's child.
        for one in (one for one in psutil.process_iter() if str(self._directory) in titled(one)):
            with contextlib.suppress(psutil.Error):
                one.kill()


def machine_ports() -> dict[str, int]:
    """Return ports for one machine, by what listens there."""
    return free_ports([*_SERVE_PORTS.values(), *_RAY_PORTS])


def listen_at(script: Path, address: str, binary: str) -> None:
    """Write a command that has HAProxy listen at *address* where its configuration says this machine's."""
    here = f"s/bind 127[.]0[.]0[.]1:/bind {address}:/"
    script.write_text(
        '#!/bin/sh\nlast=\nfor word in "$@"; do\n'
        f'  [ "$last" = -f ] && sed -i {shlex.quote(here)} "$word"\n'
        f'  last=$word\ndone\nexec {shlex.quote(binary)} "$@"\n'
    )
    script.chmod(0o700)


@contextlib.contextmanager
def declared(directory: Path, *, cpus: int, offers: Mapping[str, float]) -> Iterator[Declared]:
    """Run Ray's head for the length of the block."""
    one = Declared(directory, cpus=cpus, offers=offers)
    try:
        one.wait_up(within_s=60)
        yield one
    finally:
        one.stop()
