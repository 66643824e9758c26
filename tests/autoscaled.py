"""A Tercet on a Ray cluster whose own autoscaler adds and removes machines: Ray's fake provider starts raylets here.

``ray.cluster_utils.AutoscalingCluster`` would end every Ray process of this machine, whoever's, and reads a file that
Ray's wheel does not have: the head is started here instead.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml

from cluster.environment import serving_environment
from cluster.lifecycle.local_cluster import LOOPBACK
from cluster.local_environment import credentials
from cluster.ports import free_ports
from cluster.run_state import RunState, state_dir, write
from tests.serving import TERCET, until

RAY = str(Path(sys.executable).with_name("ray"))
_DEPLOY = """
import sys, yaml
from pathlib import Path
import ray
from cluster.lifecycle.deployment import deploy
from cluster.lifecycle.local_cluster import NAMESPACE
from cluster.plan import Machine, Plan
from cluster.resolve import resolve
file, directory, address, cpus = sys.argv[1:]
plan = resolve(yaml.safe_load(Path(file).read_text()), (Machine(cpus=int(cpus), gpus=0, memory=8 * 2**30),) * 2)
assert isinstance(plan, Plan), plan
ray.init(address=address, namespace=NAMESPACE, log_to_driver=False)
deploy(plan, Path(directory), cache=None)
"""


class Autoscaled:
    """The head, without a CPU for engines; a machine has *cpus* and goes when it has been idle for some seconds."""

    def __init__(self, place: Path, *, cpus: int, most: int) -> None:
        self._place, self._cpus = place, cpus
        self.port = free_ports(["http"])["http"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.directory = state_dir(self.port)
        self.directory.mkdir(mode=0o700)
        self._environment = {**os.environ, **self._settings()}
        ports = free_ports(["gcs", "agent", "export", "client"])
        self._address = f"{LOOPBACK}:{ports['gcs']}"
        provider = place / "provider.yaml"
        provider.write_text(yaml.safe_dump(_provider(self._address, cpus=cpus, most=most)))
        with (self.directory / "head.log").open("w") as log:
            self._head = subprocess.Popen(
                self._command(provider, ports),
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _settings(self) -> dict[str, str]:
        told = serving_environment(
            state_dir=self.directory, haproxy=None, max_connections=1000, longest_s=600.0, ports={}
        )
        return {
            **told,
            **credentials(self.directory, fresh=True),
            "RAY_FAKE_CLUSTER": "1",
            "RAY_enable_autoscaler_v2": "0",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        }

    def _command(self, provider: Path, ports: dict[str, int]) -> list[str]:
        told = {
            "port": ports["gcs"],
            "node-ip-address": LOOPBACK,
            "num-cpus": 0,
            "num-gpus": 0,
            "object-store-memory": 100 * 2**20,
            "min-worker-port": 0,
            "max-worker-port": 0,
            "include-dashboard": "false",
            "dashboard-agent-listen-port": ports["agent"],
            "metrics-export-port": ports["export"],
            "ray-client-server-port": ports["client"],
            "include-log-monitor": "false",
            "temp-dir": self.directory / "ray",
            "autoscaling-config": provider,
        }
        options = [f"--{name}={value}" for name, value in told.items()]
        return [RAY, "start", "--head", "--block", "--disable-usage-stats", *options]

    def deploy(self, config: dict[str, Any]) -> None:
        """Put the applications of *config* on the cluster; returns before they are ready."""
        file = self._place / "tercet.yaml"
        file.write_text(yaml.safe_dump({**config, "gateway": {"port": self.port}}))
        until(lambda: "Ray runtime started" in self.log, within_s=60, what="Ray's head")
        began_s = psutil.Process(self._head.pid).create_time()
        write(self.directory, RunState(pid=self._head.pid, began_s=began_s, ray_address=self._address, http=self.url))
        done = subprocess.run(
            [sys.executable, "-c", _DEPLOY, str(file), str(self.directory), self._address, str(self._cpus)],
            env=self._environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"not deployed:\n{done.stderr[-2000:]}\n{self.log}")

    @property
    def log(self) -> str:
        """What Ray's head printed."""
        return (self.directory / "head.log").read_text()

    def status(self) -> dict[str, Any] | None:
        """Return ``tercet status --json``, None while there is none."""
        out = subprocess.run(
            [TERCET, "status", "--port", str(self.port), "--json"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        told: dict[str, Any] | None = json.loads(out.stdout) if out.returncode == 0 else None
        return told

    def end(self) -> None:
        """End every process of the cluster, and remove what it wrote."""
        head = psutil.Process(self._head.pid)
        for process in (*head.children(recursive=True), head):
            if process.is_running():
                process.kill()
        self._head.wait(timeout=20)
        shutil.rmtree(self.directory, ignore_errors=True)


def _provider(address: str, *, cpus: int, most: int) -> dict[str, Any]:
    machine = {"CPU": cpus, "object_store_memory": 100 * 2**20}
    return {
        "cluster_name": "tercet-test",
        "max_workers": most,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": address,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "machine": {"resources": machine, "node_config": {}, "min_workers": 0, "max_workers": most},
        },
        "head_node_type": "ray.head.default",
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 0.1,
        "auth": {},
        "docker": {},
        "file_mounts": {},
        **{f"{part}_commands": [] for part in ("initialization", "setup", "head_setup", "worker_setup")},
        "head_start_ray_commands": [],
        "worker_start_ray_commands": [],
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "rsync_exclude": [],
        "rsync_filter": [],
    }


@contextmanager
def autoscaled(config: dict[str, Any], place: Path, *, cpus: int, most: int) -> Iterator[Autoscaled]:
    """Run a Tercet on such a cluster for the length of the block."""
    one = Autoscaled(place, cpus=cpus, most=most)
    try:
        one.deploy(config)
        yield one
    finally:
        one.end()
