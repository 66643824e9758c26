"""The published targets reach Serve: real controller, real mailbox, real replicas that hold no engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import ray
from ray import serve

from autoscale.controller.fleet_controller import FleetController
from autoscale.controller.serve_settings import autoscaling_config
from deployments.pool.heartbeat import Heartbeat
from deployments.signals import GatewaySignals, PoolDemand, ReplicaSignals
from tests.integration.cluster import Local, eventually, local_serve

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

NAMESPACE = "tercet-test"
CONTROLLER = ("tercet-fleet", NAMESPACE)
SPEC: dict[str, Any] = {
    "policy": "queue",
    "interval": 0.2,
    "stale_after": 3.0,
    "hold": {"down": 1.0},
    "queue": {"target_utilization": 1.0},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    name: str
    min_replicas: int
    max_replicas: int
    initial_replicas: int


@dataclass(slots=True)
class Gateway:
    """Stands in for the gateways: reports whatever demand the test has set, as they do."""

    demand: dict[str, PoolDemand] = field(default_factory=dict)
    view: Any = None

    def signals(self) -> GatewaySignals:
        return GatewaySignals(gateway="g", at_s=time.time(), pools=dict(self.demand))

    def take(self, view: Any) -> None:
        self.view = view


def application(pool: Pool) -> serve.Application:
    """An application like a pool's, with replicas that report one slot and answer with their id."""

    class Engine:
        def __init__(self) -> None:
            self._id = serve.get_replica_context().replica_id.unique_id
            self._since_s = time.time()
            self._heartbeat = Heartbeat(CONTROLLER, "report_replica", self._signals, interval_s=0.2)

        def _signals(self) -> ReplicaSignals:
            return ReplicaSignals(
                pool=pool.name, replica=self._id, at_s=time.time(), stage="ready", stage_since_s=self._since_s, slots=1
            )

        def __call__(self) -> str:
            return self._id

    class Root:
        def __init__(self, engine: Any) -> None:
            self._engine = engine

        async def __call__(self) -> str:
            answer: str = await self._engine.remote()
            return answer

    engine = serve.deployment(Engine).options(
        name="Engine",
        ray_actor_options={"num_cpus": 0},
        graceful_shutdown_timeout_s=2,
        autoscaling_config=autoscaling_config(pool, namespace=NAMESPACE),
    )
    root = serve.deployment(Root).options(name="Root", ray_actor_options={"num_cpus": 0})
    return root.bind(engine.bind())


POOLS = [
    Pool(name="steady", min_replicas=1, max_replicas=3, initial_replicas=1),
    Pool(name="sparse", min_replicas=0, max_replicas=2, initial_replicas=0),
]


def settings(pool: Pool) -> dict[str, Any]:
    return {
        "name": pool.name,
        "application": f"pool-{pool.name}",
        "deployment": "Engine",
        "min_replicas": pool.min_replicas,
        "max_replicas": pool.max_replicas,
        "slots": 1,
    }


@pytest.fixture(scope="module")
def cluster() -> Iterator[Local]:
    with local_serve(namespace=NAMESPACE) as local:
        controller = (
            ray.remote(FleetController)
            .options(name=CONTROLLER[0], namespace=NAMESPACE, num_cpus=0, max_restarts=-1, max_concurrency=100)
            .remote()
        )
        ray.get(controller.configure.remote([settings(pool) for pool in POOLS], SPEC), timeout=60)
        for pool in POOLS:
            serve.run(application(pool), name=f"pool-{pool.name}", route_prefix=f"/{pool.name}")
        yield local


@pytest.fixture
def gateway(cluster: Local) -> Iterator[Gateway]:
    """A gateway that reports no demand at first."""
    gateway = Gateway()
    heartbeat = Heartbeat(CONTROLLER, "report_gateway", gateway.signals, interval_s=0.2, on_answer=gateway.take)
    yield gateway
    heartbeat.close()


def running(pool: str) -> int:
    return int(serve.status().applications[f"pool-{pool}"].deployments["Engine"].replica_states.get("RUNNING", 0))


def becomes(pool: str, replicas: int, *, within_s: float = 45.0) -> None:
    """Wait until Serve runs so many replicas; a failure shows how the controller sees the pool."""
    eventually(lambda: (running(pool), seen(pool)), lambda both: both[0] == replicas, within_s=within_s)


def seen(pool: str) -> dict[str, Any] | None:
    """Return the controller's view of *pool*; None while the controller is away."""
    told = status()
    return told and told["pools"][pool]


def status() -> dict[str, Any] | None:
    try:
        told: dict[str, Any] = ray.get(ray.get_actor(*CONTROLLER).status.remote(), timeout=10)
    except (ray.exceptions.RayError, ValueError):
        return None
    return told


def test_replicas_follow_the_work_up_and_down_again(gateway: Gateway) -> None:
    """Three requests for one-slot replicas make three replicas, their end leaves one, and each step has its reason."""
    becomes("steady", 1)
    gateway.demand["steady"] = PoolDemand(in_flight=3, arrivals_total=3)
    becomes("steady", 3)
    gateway.demand["steady"] = PoolDemand(in_flight=0, arrivals_total=3)
    becomes("steady", 1)
    told = status()
    assert told is not None
    decisions = [entry for entry in told["decisions"] if entry["pool"] == "steady"]
    assert [(entry["from"], entry["to"]) for entry in decisions] == [(1, 3), (3, 2), (2, 1)]
    assert decisions[0]["reason"] == "work: 3 ongoing, 1 slots x 1 each"
    assert decisions[-1]["reason"].startswith("work: 0 ongoing")


def test_an_empty_pool_wakes_for_a_held_request_and_keeps_its_replica_until_it_is_answered(
    cluster: Local, gateway: Gateway
) -> None:
    """A request to a pool of none is answered, and the pool goes back to none."""
    eventually(lambda: gateway.view and gateway.view.pools["sparse"].scaled_to_zero, bool, within_s=20)
    answer = serve.get_deployment_handle("Engine", "pool-sparse").remote()
    gateway.demand["sparse"] = PoolDemand(in_flight=1, held=1, arrivals_total=1)
    assert answer.result(timeout_s=45)
    becomes("sparse", 1)
    gateway.demand["sparse"] = PoolDemand(arrivals_total=1)
    becomes("sparse", 0)


def test_a_silent_gateway_freezes_the_pool(gateway: Gateway) -> None:
    """Demand that nobody reports any more has not ended: the replicas stay until the gateway is known to be gone."""
    controller = ray.get_actor(*CONTROLLER)
    gateway.demand["steady"] = PoolDemand(in_flight=2, arrivals_total=5)
    ray.get(controller.report_gateway.remote(GatewaySignals(gateway="lost", at_s=time.time(), pools={})), timeout=10)
    becomes("steady", 2)
    eventually(lambda: seen("steady"), lambda pool: bool(pool and pool["blind"]), within_s=20)

    gateway.demand["steady"] = PoolDemand(arrivals_total=5)
    after_the_hold_s = time.time() + 3 * SPEC["hold"]["down"]
    frozen = eventually(
        lambda: seen("steady"), lambda pool: bool(pool and pool["decision"]["at_s"] > after_the_hold_s), within_s=20
    )
    assert frozen["in_flight"] == 0
    assert frozen["decision"]["reason"].startswith("hold: gateway lost silent")
    assert running("steady") == 2

    ray.get(controller.forget.remote("lost"), timeout=10)
    becomes("steady", 1)


def test_a_killed_controller_comes_back_with_its_configuration_and_changes_nothing(gateway: Gateway) -> None:
    """While it is away the replicas stay; afterwards it steers again without being configured."""
    gateway.demand["steady"] = PoolDemand(in_flight=2, arrivals_total=7)
    becomes("steady", 2)
    ray.kill(ray.get_actor(*CONTROLLER), no_restart=False)
    restarted = eventually(
        status, lambda told: bool(told and not told["decisions"] and told["pools"]["steady"]["decision"]), within_s=45
    )
    assert restarted["pools"]["steady"]["target"] == 2
    assert running("steady") == 2
    gateway.demand["steady"] = PoolDemand(in_flight=0, arrivals_total=7)
    becomes("steady", 1)
