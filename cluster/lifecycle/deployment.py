"""From a plan to Serve's applications, and how far they are."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from cluster.failure import cause
from cluster.lifecycle.one_sentence import in_one_sentence
from cluster.plan import Plan
from cluster.running_plan import RunningPlan, keep


def deploy(plan: Plan, directory: Path, *, cache: str | None) -> None:
    """Start the controller and every application; returns before they are ready."""
    from ray import serve  # noqa: PLC0415

    from cluster.applications.all_of_a_plan import applications  # noqa: PLC0415

    keep(directory, RunningPlan(plan=plan, cache=cache))  # first, so that nobody reads the plan of a run before
    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # it speaks of its own start as well
    with in_one_sentence("starting Ray Serve"):
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
        start_controller(plan, directory)
        run(applications(plan, state_dir=directory, cache=cache))


def start_controller(plan: Plan, directory: Path, *, resources: Mapping[str, float] | None = None) -> None:
    """Start the fleet controller, where there is none, on a machine that has *resources*, and tell it of *plan*."""
    import ray  # noqa: PLC0415

    from autoscale.controller.fleet_controller import FleetController  # noqa: PLC0415
    from cluster.applications.fleet_settings import book_settings, fleet_pools  # noqa: PLC0415
    from cluster.applications.names import CONTROLLER  # noqa: PLC0415

    with in_one_sentence("starting the fleet controller"):
        controller = (
            ray.remote(FleetController)
            .options(
                name=CONTROLLER[0],
                namespace=CONTROLLER[1],
                num_cpus=0,
                resources=dict(resources or {}),
                lifetime="detached",
                max_restarts=-1,
                max_concurrency=1000,
                get_if_exists=True,
            )
            .remote()
        )
        ray.get(controller.configure.remote(fleet_pools(plan), dict(plan.autoscale)), timeout=60)
        ray.get(controller.keep_costs.remote(book_settings(plan, directory)), timeout=60)


def run(targets: Sequence[Any]) -> None:
    """Deploy applications, anew or again; returns before they are ready."""
    from ray import serve  # noqa: PLC0415

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.run_many(targets, wait_for_ingress_deployment_creation=False, wait_for_applications_running=False)


def deployment_failures() -> Mapping[str, str]:
    """Return, by application, in one sentence why Serve gave it up; raises CannotServeError when Serve is silent."""
    from ray import serve  # noqa: PLC0415

    with in_one_sentence("asking Serve how it is"):
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
