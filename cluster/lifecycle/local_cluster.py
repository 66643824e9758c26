"""A Ray cluster of this machine's own."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from cluster.local_environment import credentials, environment
from cluster.obstacles import CannotServeError
from cluster.plan import Plan
from cluster.run_state import claimed, clear, this_run, write

NAMESPACE = "tercet"
OBJECT_STORE_BYTES = 256 * 2**20
# Ray replaces 127.0.0.1 by an address that other machines reach; another address of the loopback network it keeps.
LOOPBACK = "127.0.0.2"


@contextlib.contextmanager
def local_cluster(plan: Plan, directory: Path, *, cpus: int) -> Iterator[str]:
    """Run a Ray cluster of this machine's own for the length of the block; yields its address."""
    if not claimed(directory):
        raise CannotServeError(f"{directory} belongs to somebody else: remove it, or choose another gateway.port.")
    shutil.rmtree(directory / "ray", ignore_errors=True)  # the logs of the run before
    os.environ.update(environment(directory, longest_s=float(plan.gateway.settings["request_timeout"])))
    os.environ.update(credentials(directory, fresh=True))
    import ray  # noqa: PLC0415 - reads the environment set above, once, when it is imported

    try:
        context = ray.init(
            address="local",
            namespace=NAMESPACE,
            num_cpus=cpus,
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(directory / "ray"),
            _node_ip_address=LOOPBACK,
        )
    except (RuntimeError, OSError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise CannotServeError(
            f"Ray did not start ({first}): its logs are in {directory}/ray/session_latest."
        ) from error
    address = context.address_info["gcs_address"]
    http = f"http://{plan.gateway.host}:{plan.gateway.port}"
    write(directory, this_run(ray_address=address, http=http))
    try:
        yield address
    finally:
        clear(directory)
        ray.shutdown()
