"""Serve one model with ray.serve.llm until told to end: ``python -m benchmarks.contenders.ray_llm_app FILE``.

Runs in the peers' environment. FILE holds the port and the fields of an LLMConfig; the Serve environment variables are
set by whoever starts this.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import ray
from ray import serve
from ray.serve.llm import LLMConfig, build_openai_app

LOOPBACK = "127.0.0.3"  # Ray replaces 127.0.0.1 by an address that other machines reach
LOGICAL_CPUS = 16  # what Ray counts, not what there is: every process of the application must find room


def main() -> None:
    """Start Ray and the application, wait for a signal, and take both down."""
    file = Path(sys.argv[1])
    told = json.loads(file.read_text())
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    ray.init(
        address="local",
        num_cpus=LOGICAL_CPUS,
        include_dashboard=False,
        log_to_driver=True,
        object_store_memory=256 * 2**20,
        _temp_dir=str(file.parent / "ray"),
        _node_ip_address=LOOPBACK,
    )
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": told["port"]})
        serve.run(build_openai_app({"llm_configs": [LLMConfig(**told["config"])]}))
        done.wait()
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
