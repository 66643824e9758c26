"""Bring a declared cluster to what it is told: the one application of its Serve config, which deploys the others.

Serve calls ``reconfigure`` with every new declaration. The application counts as running when all that is declared is
ready, and as failed, with every problem as the reason, when it cannot be; what ran before then goes on.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from ray import serve

from cluster.applications.all_of_a_plan import applications
from cluster.applications.serve_options import QUIET
from cluster.declared.declaration import Declaration, planned
from cluster.declared.serve_config import RECONCILER
from cluster.lifecycle import kept_plan
from cluster.lifecycle.attached import AttachedCluster
from cluster.lifecycle.deployment import run, start_controller
from cluster.obstacles import CannotServeError
from cluster.plan import Plan
from cluster.problems import problem_of
from cluster.rollout import roll_out
from cluster.run_state import claimed, state_dir
from cluster.running_plan import RunningPlan, as_kept
from cluster.watch import Watch
from deployments.gateway.fingerprint import fingerprint
from deployments.gateway.rehearsal import rehearse
from deployments.telemetry.logs import configure, event

# The head is there as long as the cluster is, and what the controller keeps on its disk stays with it.
ON_THE_HEAD = {"node:__internal_head__": 0.001}


class Reconciler:
    """Take declarations one after another, each until it is ready or refused."""

    def __init__(self) -> None:
        configure(sys.__stderr__ or sys.stderr)

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Bring the cluster to what *user_config* declares; raises CannotServeError with all that stands against it."""
        await asyncio.to_thread(reconcile, user_config)


def application(_: Mapping[str, Any]) -> serve.Application:
    """Build the application; called by Serve with the arguments of its config, of which there are none."""
    return (
        serve.deployment(Reconciler)
        .options(
            name=RECONCILER,
            ray_actor_options={"num_cpus": 0, "resources": ON_THE_HEAD},
            health_check_period_s=5,
            logging_config=QUIET,
        )
        .bind()
    )


def reconcile(told: Mapping[str, Any]) -> None:
    """Deploy what is declared, or change what runs to it, and wait until it is ready."""
    declaration = _read(told)
    plan = _plan(declaration)
    settings = fingerprint(rehearse(plan.gateway.settings))
    directory = state_dir(plan.gateway.port)
    if not claimed(directory):
        raise CannotServeError(f"{directory} belongs to somebody else: give every machine a /tmp of its own.")
    cluster = AttachedCluster(directory, cache=declaration.cache)
    until_s = time.monotonic() + declaration.within
    running = kept_plan.recall()
    if running is None:
        start_controller(plan, directory, resources=ON_THE_HEAD)
        run(applications(plan, state_dir=directory, cache=declaration.cache))
    else:
        _refuse(running, plan)
        roll_out(cluster, running.plans, plan, settings, within_s=declaration.within, running=_keep(declaration))
    _keep(declaration)([plan])
    _settle(cluster, plan, settings, until_s)
    event("reconciled", pools=[pool.name for pool in plan.pools], settings=settings)


def _read(told: Mapping[str, Any]) -> Declaration:
    try:
        return Declaration.model_validate(dict(told))
    except ValidationError as error:
        lines = [str(problem_of(line)) for line in error.errors(include_url=False)]
        raise CannotServeError("; ".join(lines)) from None


def _plan(declaration: Declaration) -> Plan:
    plan = planned(declaration)
    if isinstance(plan, Plan):
        return as_kept(plan)
    raise CannotServeError("; ".join(map(str, plan)))


def _refuse(running: RunningPlan, plan: Plan) -> None:
    if any(old.gateway.port != plan.gateway.port for old in running.plans):
        raise CannotServeError("gateway.port: proxies keep the port that they began with; it takes another cluster.")


def _keep(declaration: Declaration) -> Any:
    def keep(held: Sequence[Plan]) -> None:
        kept_plan.keep(RunningPlan(plan=held[0], cache=declaration.cache, unsure=tuple(held[1:])))

    return keep


def _settle(cluster: AttachedCluster, plan: Plan, settings: str, until_s: float) -> None:
    """Wait until every pool that should have replicas has one, and every gateway these settings."""
    watch = Watch(cluster=cluster, until_s=until_s, clock=time.monotonic, sleep=time.sleep)
    wrong = watch.ready([pool.name for pool in plan.pools if pool.initial_replicas])
    if wrong:
        raise CannotServeError(f"not ready: {wrong}")
    spread = watch.gateways(plan.gateway.replicas, settings)
    if not spread.complete:
        raise CannotServeError(f"{len(spread.having)} of {spread.wanted} gateways have the settings {settings}")
