"""A Ray cluster with Serve of a test's own: free ports, its own directory, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import serve

from cluster.ports import free_ports

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """Where the test's cluster listens."""

    address: str
    http: str


@contextlib.contextmanager
def local_serve(*, num_cpus: int = 4, namespace: str = "tercet-test") -> Iterator[Local]:
    """Start Ray and Serve for the length of the block."""
    directory = Path(tempfile.mkdtemp(prefix="tercet-", dir="/tmp"))
    with _environment(PYTHONPATH=str(ROOT), RAY_USAGE_STATS_ENABLED="0"):
        context = ray.init(
            address="local",
            namespace=namespace,
            num_cpus=num_cpus,
            object_store_memory=100 * 2**20,
            include_dashboard=False,
            log_to_driver=False,
            _temp_dir=str(directory),
        )
        try:
            port = free_port()
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            yield Local(address=context.address_info["gcs_address"], http=f"http://127.0.0.1:{port}")
        finally:
            serve.shutdown()
            ray.shutdown()
            shutil.rmtree(directory, ignore_errors=True)


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    return free_ports(["it"])["it"]


def eventually(read: Callable[[], Any], wanted: Callable[[Any], bool], *, within_s: float) -> Any:
    """Read until *wanted*; the last reading is in the failure, so a timeout says what was there instead."""
    until_s = time.monotonic() + within_s
    while True:
        value = read()
        if wanted(value):
            return value
        if time.monotonic() > until_s:
            raise AssertionError(f"not reached within {within_s:g} s; last: {value!r}")
        time.sleep(0.1)


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
