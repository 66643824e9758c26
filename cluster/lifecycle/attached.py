"""A cluster that runs already, as commands reach it and a rollout acts on it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.lifecycle.deployment import deployment_failures, run
from cluster.lifecycle.fleet import fleet_status
from cluster.lifecycle.local_cluster import NAMESPACE
from cluster.lifecycle.one_sentence import in_one_sentence
from cluster.local_environment import credentials
from cluster.obstacles import CannotServeError
from cluster.plan import Plan, PoolPlan
from cluster.run_state import RunState, read


@contextlib.contextmanager
def attached(directory: Path) -> Iterator[RunState]:
    """Connect to the cluster that runs from *directory* for the length of the block."""
    running = read(directory)
    if running is None:
        raise CannotServeError("no Tercet runs here: start one with `tercet serve`, or give its gateway's --port.")
    os.environ.update(credentials(directory, fresh=False))
    import ray  # noqa: PLC0415 - reads the environment set above

    with in_one_sentence(f"reaching the cluster behind {running.http}"):
        # Ray tells every driver of dead machines on its standard output, where commands print JSON.
        ray._private.worker.print_to_stdstream = _to_stderr
        ray.init(address=running.ray_address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield running
    finally:
        ray.shutdown()


def _to_stderr(told: Mapping[str, Any], *_: object, **__: object) -> None:
    sys.stderr.writelines(f"{line}\n" for line in told.get("lines", ()))


class AttachedCluster:
    """The cluster that this process is connected to, its engines' state in *directory*, as a rollout acts on it."""

    def __init__(self, directory: Path, *, cache: str | None) -> None:
        self._directory = directory
        self._cache = cache

    def configure(self, plan: Plan) -> None:
        """Tell the fleet controller pools, bounds and targets."""
        import ray  # noqa: PLC0415

        from cluster.applications.fleet_settings import book_settings, fleet_pools  # noqa: PLC0415
        from cluster.applications.names import CONTROLLER  # noqa: PLC0415

        with in_one_sentence("configuring the fleet controller"):
            controller = ray.get_actor(CONTROLLER[0], namespace=CONTROLLER[1])
            ray.get(controller.configure.remote(fleet_pools(plan), dict(plan.autoscale)), timeout=60)
            ray.get(controller.keep_costs.remote(book_settings(plan, self._directory)), timeout=60)

    def deploy_pools(self, plan: Plan, pools: Sequence[PoolPlan]) -> None:
        """Start pools, or hand running ones what is new."""
        from cluster.applications.pools import pool_targets  # noqa: PLC0415

        with in_one_sentence("deploying pools"):
            run(pool_targets(plan, pools, state_dir=self._directory, cache=self._cache))

    def deploy_gateway(self, plan: Plan) -> None:
        """Hand the gateways graph and limits."""
        from cluster.applications.gateway import gateway_target  # noqa: PLC0415

        with in_one_sentence("handing the settings to the gateways"):
            run([gateway_target(plan.gateway)])

    def remove_pools(self, names: Sequence[str]) -> None:
        """Drain and stop pools, which go on draining when this returns; those that are not there are gone already."""
        from ray import serve  # noqa: PLC0415

        from deployments.pool.transport import application_of  # noqa: PLC0415

        with in_one_sentence("removing pools"):
            for name in names:
                serve.delete(application_of(name), _blocking=False)

    def failures(self) -> Mapping[str, str]:
        """Return, by pool, why one could not be started."""
        from deployments.pool.transport import application_of  # noqa: PLC0415

        found = deployment_failures()
        return {pool: found[application_of(pool)] for pool in fleet_status()["pools"] if application_of(pool) in found}

    def status(self) -> Mapping[str, Any]:
        """Return the fleet controller's status."""
        return fleet_status()
