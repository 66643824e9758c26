"""The application of an engine pool: its replicas, what each takes, and where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import serve

from autoscale.controller.serve_settings import autoscaling_config
from cluster.applications.names import CONTROLLER, NAMESPACE
from cluster.applications.serve_options import QUIET, versioned
from cluster.plan import Plan, PoolPlan
from deployments.engines.cpu_settings import replica_environment
from deployments.pool.replica import EngineReplica
from deployments.pool.transport import ENGINE_DEPLOYMENT, application_of

# Nobody ever asks the root anything, so its one replica is never started: a process less for each pool.
NEVER = {"min_replicas": 0, "initial_replicas": 0, "max_replicas": 1}


class PoolRoot:
    """The application's root, so that engines are inner deployments: no port and no ingress drain of their own."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine


def pool_targets(plan: Plan, pools: Sequence[PoolPlan], *, state_dir: Path, cache: str | None) -> list[serve.RunTarget]:
    """Return the applications of some of a plan's pools."""
    folders = plan.gateway.settings["admin"]["adapters_from"]
    return [
        serve.RunTarget(
            target=_pool_app(pool, state_dir=state_dir, cache=cache, adapters_from=folders),
            name=application_of(pool.name),
            route_prefix=None,
        )
        for pool in pools
    ]


def _pool_app(
    pool: PoolPlan, *, state_dir: Path, cache: str | None, adapters_from: Sequence[str] = ()
) -> serve.Application:
    """Return one pool's application; at run time its adapters are loaded from inside the folders *adapters_from*."""
    spec = {
        "name": pool.name,
        "pool": pool.name,
        "family": pool.family,
        "source": pool.source,
        "runtime": pool.runtime,
        "engine": {**_executor(pool), **pool.engine},
        "media": dict(pool.media),
        "synthetic": dict(pool.synthetic),
        "targets": dict(pool.targets),
        "pinned_cores": pool.pinned_cores,
        "controller": list(CONTROLLER),
        "state_dir": str(state_dir),
        "cache": cache,
    }
    engine = serve.deployment(EngineReplica).options(
        name=ENGINE_DEPLOYMENT,
        user_config={
            "max_waiting": pool.max_waiting,
            "adapters": dict(pool.adapters),
            "adapters_from": list(adapters_from),
        },
        autoscaling_config=autoscaling_config(pool, namespace=NAMESPACE),
        graceful_shutdown_timeout_s=pool.drain_s,
        graceful_shutdown_wait_loop_s=0.5,
        health_check_period_s=2,
        health_check_timeout_s=10,
        ray_actor_options={
            **_ray_actor_options(pool),
            "runtime_env": {"env_vars": replica_environment(pool.runtime, pinned=pool.pinned_cores is not None)},
        },
        **_placement(pool),
        logging_config=QUIET,
    )
    root = serve.deployment(PoolRoot).options(
        name="Root", autoscaling_config=NEVER, ray_actor_options={"num_cpus": 0}, logging_config=QUIET
    )
    return versioned(root).bind(versioned(engine, spec).bind(spec))


def _executor(pool: PoolPlan) -> dict[str, Any]:
    """Let vLLM find its ranks in the replica's bundles where there are several."""
    return {"distributed_executor_backend": "ray"} if pool.runtime == "vllm" and len(pool.bundles) > 1 else {}


def _placement(pool: PoolPlan) -> dict[str, Any]:
    """Return the placement group of a replica whose ranks are processes of their own, spread over its bundles.

    The replica itself sits in the first bundle and takes no GPU; vLLM's Ray executor puts one rank into each bundle.
    """
    if len(pool.bundles) == 1:
        return {}
    return {
        "placement_group_bundles": [dict(bundle) for bundle in pool.bundles],
        "placement_group_strategy": pool.strategy,
    }


def _ray_actor_options(pool: PoolPlan) -> dict[str, Any]:
    if len(pool.bundles) > 1:
        return {"num_cpus": 0}
    options: dict[str, Any] = {"num_cpus": pool.cpus, "num_gpus": pool.gpus}
    if pool.memory is not None:
        options["memory"] = pool.memory
    # What is in the bundle beside them keeps the replica to machines of one group.
    kept_to = {name: amount for name, amount in pool.bundles[0].items() if name not in {"CPU", "GPU", "memory"}}
    return {**options, "resources": kept_to} if kept_to else options
