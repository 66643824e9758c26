"""Start Ray, deploy a plan, watch it become ready, and take it down again.

Ray reads its environment once, when it is imported: it is imported here inside the functions, after the environment is
set, and nowhere above them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from cluster.failure import cause
from cluster.local_environment import credentials, environment
from cluster.obstacles import CannotServeError
from cluster.plan import Plan, PoolPlan
from cluster.run_state import RunState, claimed, clear, read, this_run, write
from cluster.running_plan import RunningPlan, keep

NAMESPACE = "tercet"
OBJECT_STORE_BYTES = 256 * 2**20
# Ray replaces 127.0.0.1 by an address that other machines reach; another address of the loopback network it keeps.
LOOPBACK = "127.0.0.2"
POOL_STOP_S = 30.0
QUIET_READINGS = 3  # a gateway reports once a second


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


def deploy(plan: Plan, directory: Path, *, cache: str | None) -> None:
    """Start the controller and every application; returns before they are ready."""
    import ray  # noqa: PLC0415
    from ray import serve  # noqa: PLC0415

    from autoscale.controller.fleet_controller import FleetController  # noqa: PLC0415
    from cluster.app import CONTROLLER, applications, fleet_pools  # noqa: PLC0415

    keep(directory, RunningPlan(plan=plan, cache=cache))  # first, so that nobody reads the plan of a run before
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # it speaks of its own start as well
    with _in_one_sentence("starting Ray Serve"):
        serve.start(
            proxy_location="EveryNode",
            http_options={
                "host": plan.gateway.host,
                "port": plan.gateway.port,
                "request_timeout_s": None,
                "keep_alive_timeout_s": 75,
            },
            logging_config={"enable_access_log": False},
        )
        controller = (
            ray.remote(FleetController)
            .options(
                name=CONTROLLER[0],
                namespace=CONTROLLER[1],
                num_cpus=0,
                lifetime="detached",
                max_restarts=-1,
                max_concurrency=1000,
                get_if_exists=True,
            )
            .remote()
        )
        ray.get(controller.configure.remote(fleet_pools(plan), dict(plan.autoscale)), timeout=60)
        run(applications(plan, state_dir=directory, cache=cache))


def run(targets: Sequence[Any]) -> None:
    """Deploy applications, anew or again; returns before they are ready."""
    from ray import serve  # noqa: PLC0415

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.run_many(targets, wait_for_ingress_deployment_creation=False, wait_for_applications_running=False)


@contextlib.contextmanager
def _in_one_sentence(doing: str) -> Iterator[None]:
    """Turn whatever Ray raises while *doing* something into a CannotServeError."""
    import ray  # noqa: PLC0415
    from ray.serve.exceptions import RayServeException  # noqa: PLC0415

    try:
        yield
    except (ray.exceptions.RayError, RayServeException, RuntimeError, OSError, TimeoutError) as error:
        raise CannotServeError(f"{doing} failed: {cause(str(error))}") from error


def fleet_status(deadline_s: float = 5.0) -> dict[str, Any]:
    """Return the fleet controller's status of the cluster that this process is connected to.

    Raises CannotServeError when the controller does not answer in time.
    """
    import ray  # noqa: PLC0415

    from cluster.app import CONTROLLER  # noqa: PLC0415

    try:
        controller = ray.get_actor(CONTROLLER[0], namespace=CONTROLLER[1])
        status: dict[str, Any] = ray.get(controller.status.remote(), timeout=deadline_s)
    except (ray.exceptions.RayError, ValueError) as error:
        raise CannotServeError(
            "the fleet controller does not answer: it restarts by itself within seconds; try again."
        ) from error
    return status


def steer_canary(node: str, action: str, deadline_s: float = 15.0) -> None:
    """Have the fleet controller hold, resume, promote, roll back or restart a canary.

    Raises CannotServeError when there is no such canary, when it cannot be done now, or when nobody answers in time.
    """
    import ray  # noqa: PLC0415

    from cluster.app import CONTROLLER  # noqa: PLC0415

    try:
        controller = ray.get_actor(CONTROLLER[0], namespace=CONTROLLER[1])
        refused: str = ray.get(controller.steer_canary.remote(node, action), timeout=deadline_s)
    except (ray.exceptions.RayError, ValueError) as error:
        raise CannotServeError(
            "the fleet controller does not answer: it restarts by itself within seconds; try again."
        ) from error
    if refused:
        raise CannotServeError(f"{refused}.")


def steer_scaling(action: str, fields: Mapping[str, Any], deadline_s: float = 15.0) -> None:
    """Have the fleet controller approve or reject a proposal, or pin or unpin a pool.

    Raises CannotServeError when it refuses, or does not answer in time.
    """
    import ray  # noqa: PLC0415

    from cluster.app import CONTROLLER  # noqa: PLC0415

    try:
        controller = ray.get_actor(CONTROLLER[0], namespace=CONTROLLER[1])
        refused: str = ray.get(controller.steer_scaling.remote(action, dict(fields)), timeout=deadline_s)
    except (ray.exceptions.RayError, ValueError) as error:
        raise CannotServeError(
            "the fleet controller does not answer: it restarts by itself within seconds; try again."
        ) from error
    if refused:
        raise CannotServeError(f"{refused}.")


def deployment_failures() -> Mapping[str, str]:
    """Return, by application, in one sentence why Serve gave it up; raises CannotServeError when Serve is silent."""
    from ray import serve  # noqa: PLC0415

    with _in_one_sentence("asking Serve how it is"):
        found = serve.status().applications
    return {
        name: cause(next((one.message for one in app.deployments.values() if one.message), app.message))
        for name, app in found.items()
        if app.status == "DEPLOY_FAILED"
    }


def answers(http: str) -> bool:
    """Say whether the gateway answers and finds itself ready."""
    try:
        return httpx.get(f"{http}/ready", timeout=2.0).status_code == HTTPStatus.OK
    except httpx.HTTPError:
        return False


@contextlib.contextmanager
def attached(directory: Path) -> Iterator[RunState]:
    """Connect to the cluster that runs from *directory* for the length of the block."""
    running = read(directory)
    if running is None:
        raise CannotServeError("no Tercet runs here: start one with `tercet serve`, or give its gateway's --port.")
    os.environ.update(credentials(directory, fresh=False))
    import ray  # noqa: PLC0415 - reads the environment set above

    with _in_one_sentence(f"reaching the cluster behind {running.http}"):
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

        from cluster.app import CONTROLLER, fleet_pools  # noqa: PLC0415

        with _in_one_sentence("configuring the fleet controller"):
            controller = ray.get_actor(CONTROLLER[0], namespace=CONTROLLER[1])
            ray.get(controller.configure.remote(fleet_pools(plan), dict(plan.autoscale)), timeout=60)

    def deploy_pools(self, plan: Plan, pools: Sequence[PoolPlan]) -> None:
        """Start pools, or hand running ones what is new."""
        from cluster.app import pool_targets  # noqa: PLC0415

        with _in_one_sentence("deploying pools"):
            run(pool_targets(plan, pools, state_dir=self._directory, cache=self._cache))

    def deploy_gateway(self, plan: Plan) -> None:
        """Hand the gateways graph and limits."""
        from cluster.app import gateway_target  # noqa: PLC0415

        with _in_one_sentence("handing the settings to the gateways"):
            run([gateway_target(plan.gateway)])

    def remove_pools(self, names: Sequence[str]) -> None:
        """Drain and stop pools, which go on draining when this returns; those that are not there are gone already."""
        from ray import serve  # noqa: PLC0415

        from deployments.pool.transport import application_of  # noqa: PLC0415

        with _in_one_sentence("removing pools"):
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


def take_down(plan: Plan, *, drain_s: float, hurry: threading.Event) -> None:
    """Refuse new requests, let running ones finish within *drain_s* or until *hurry* is set, then delete everything.

    The gateway is told to refuse before it is deleted: without a gateway the proxy would answer 404, which clients
    do not retry. Serve's own system processes are left to the end of the cluster: there is nothing in them to drain.
    """
    from ray import serve  # noqa: PLC0415

    from cluster.app import GATEWAY_APP, gateway_target  # noqa: PLC0415

    settings = {**plan.gateway.settings, "draining": True}
    run([gateway_target(replace(plan.gateway, settings=settings))])
    until = time.monotonic() + drain_s
    quiet = 0
    while quiet < QUIET_READINGS and time.monotonic() < until and not hurry.wait(1.0):
        quiet = 0 if _in_flight() else quiet + 1
    if not hurry.is_set():
        _delete([GATEWAY_APP], within_s=POOL_STOP_S)
        _delete(list(serve.status().applications), within_s=POOL_STOP_S)


def _in_flight() -> int:
    """Count the requests that gateways report as under way; an unknown number counts as one."""
    try:
        status = fleet_status()
        return sum(one["in_flight"] or 0 for one in (*status["pools"].values(), *status["elsewhere"].values()))
    except CannotServeError:
        return 1


def _delete(names: Sequence[str], *, within_s: float) -> None:
    from ray import serve  # noqa: PLC0415

    for name in names:
        serve.delete(name, _blocking=False)
    until = time.monotonic() + within_s
    while set(names) & set(serve.status().applications) and time.monotonic() < until:
        time.sleep(0.25)
